/** What a portal writes, checked against the types by `npm run check`. */

import { type Banner, type Connection, configure, connect } from 'quadrupel-banners';

declare const session: { accessToken(renew: boolean): Promise<string | null> };
declare const router: { open(path: string): void };

configure({
  api: 'https://notify.portal.example',
  token: (refused) => session.accessToken(refused !== undefined),
});

const banners = document.createElement('quadrupel-banners');
banners.setAttribute('placement', 'main');
banners.addEventListener('quadrupel-click', (event) => {
  const link: string | undefined = event.detail.banner.link;
  if (!link?.startsWith('/')) return;
  event.preventDefault();
  router.open(link);
});
document.body.append(banners);

let shown: Banner[] = [];
const connection: Connection = connect({
  api: 'https://notify.portal.example',
  token: () => session.accessToken(false),
  placement: 'sidebar',
  onBanners: (found) => {
    shown = found;
  },
});
for (const banner of shown) connection.dismiss(banner);
connection.close();

// @ts-expect-error a token is asked for, since one that is given grows old
configure({ token: 'eyJ...' });
// @ts-expect-error without a token there is nobody to show banners to
connect({ onBanners: () => {} });
