/** Banners of a citizen on a page: the element `<quadrupel-banners>`, and `connect`, which it is made of. */

/** What a rule that holds for the citizen shows. Titles and texts are plain text. */
export interface Banner {
  /** The rule's id; null for what a placement falls back to when nothing holds. */
  readonly rule: string | null;
  /** Which story the rule tells; the same banner of another episode is another banner. */
  readonly episode?: string | null;
  /** Which of the rule's variants the texts are of; null for a rule without variants. */
  readonly variant?: string | null;
  readonly placement?: string;
  readonly priority?: number;
  readonly title: string;
  readonly text?: string;
  /** A path or an http(s) address; anything else is not a link. */
  readonly link?: string;
  readonly dismissible?: boolean;
  readonly fallback?: boolean;
}

/** What the API answers: everything that the citizen is shown, in the order to show it. */
export interface BannerSet {
  readonly version?: number;
  readonly as_of?: string | null;
  readonly banners: readonly Banner[];
}

/**
 * Gives the citizen's access token; nothing, or '', when nobody is signed in.
 *
 * It is called before each request, so it may give a token that it keeps as long as that is valid. `refused` is the
 * token that the API has just not accepted: then get a new one.
 */
export type Token = (refused?: string) => string | null | undefined | Promise<string | null | undefined>;

/** How long everything waits, in milliseconds. */
export interface Waits {
  /** Before asking again, at least; doubled by each failure in a row. The API's `retry:` replaces it. 1 s */
  retry: number;
  /** At most, however many failures. 60 s */
  most: number;
  /** For an answer. 8 s */
  answer: number;
  /** Between two signs of life of a stream; the API gives one each 15 s. 40 s */
  silence: number;
  /** For this long a stream has to live, else it is a bad one; after three in a row it polls. 10 s */
  stable: number;
  /** Between two reads where there is no stream. 60 s */
  poll: number;
  /** Before a stream is tried again where there is none, or after three bad ones. 10 min */
  again: number;
  /** Before the stream of a hidden page is closed. 10 s */
  hidden: number;
  /** In view, before a banner counts as seen. 1 s */
  seen: number;
  /** For more feedback to go along. 2 s */
  feedback: number;
  /** How long banners stay that the API has not confirmed; then they go at its next failure to answer. 1 h */
  age: number;
}

export interface Options {
  /** Where the API is, without `/v1`; nothing for the page's own origin. */
  api?: string;
  token: Token;
  /** Banners of this placement only; of all if it is left out. */
  placement?: string;
  /** The language to ask for, one that the API has texts in; the page's `lang` if it is left out. */
  locale?: string;
  /** Called with what is to be shown when it is first known, and when it has changed: all of it, in order. */
  onBanners: (banners: Banner[]) => void;
  waits?: Partial<Waits>;
}

/** Whoever names the same `api`, `token` function and `locale` shares one stream, until `configure` is called. */
export interface Connection {
  /** The citizen could see it. Reported once per banner and episode. */
  seen(banner: Banner): void;
  /** The citizen followed its link. */
  clicked(banner: Banner): void;
  /** The citizen does not want it: gone at once, back only if the API refuses. */
  dismiss(banner: Banner): void;
  close(): void;
}

/** Follow the citizen's banners. Never throws because of the API. */
export function connect(options: Options): Connection;

/** What the element says of its own accord. There are words in English and Russian. */
export interface Words {
  /** Name of the region, where the element has no `label`. */
  region: string;
  /** What the button does; the title follows. */
  dismiss: string;
  /** Said before the titles of what arrives later. */
  arrived: string;
  dismissed: string;
}

/** What holds for all elements that do not say otherwise. */
export interface Defaults {
  api?: string;
  token?: Token;
  locale?: string;
  /** Words in a language that there are none in, or other words. */
  words?: Partial<Words>;
  waits?: Partial<Waits>;
}

/**
 * Set defaults, at any time; also to be called when the citizen signs in or out, since elements begin anew. Then whoever
 * has called `connect` closes that connection, and connects again.
 */
export function configure(defaults: Defaults): void;

/**
 * `<quadrupel-banners placement="main" api="..." locale="..." label="...">`.
 *
 * It has the attribute `empty` while it shows nothing. Events, which bubble: `quadrupel-banners` when what is shown has
 * changed, and `quadrupel-click` when a link is followed; prevent its default and go there yourself.
 */
export class QuadrupelBanners extends HTMLElement {
  /** For this element only. Never an attribute: markup is stored, logged and cached. */
  token: Token | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    'quadrupel-banners': QuadrupelBanners;
  }
  interface HTMLElementEventMap {
    'quadrupel-banners': CustomEvent<{ banners: Banner[] }>;
    'quadrupel-click': CustomEvent<{ banner: Banner }>;
  }
}
