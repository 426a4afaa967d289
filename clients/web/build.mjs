/** Writes what is shipped, one minified module, from src/: `node build.mjs [OUTPUT]`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { minify } from 'terser';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const [output = here('quadrupel-banners.js')] = process.argv.slice(2);

/** A style sheet is imported as its text, minified. */
const styles = {
  name: 'styles',
  setup(setting) {
    setting.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'css', minify: true });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

const bundled = await build({
  entryPoints: [here('src/index.js')],
  bundle: true,
  format: 'esm',
  target: 'es2020',
  charset: 'utf8',
  plugins: [styles],
  write: false,
});
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
const { code } = await minify(bundled.outputFiles[0].text, {
  module: true,
  ecma: 2020,
  compress: { passes: 3, hoist_funs: true, unsafe_arrows: true }, // no function here is called by `new`
  format: { preamble: `/* quadrupel-banners ${version}, Apache-2.0 */` },
});
writeFileSync(output, `${code}\n`);
