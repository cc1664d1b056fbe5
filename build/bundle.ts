import { relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { readManifest, TOP } from './packages.ts';

/** Files that are started, by their name in dist/. What they share is in chunks beside them. */
export const ENTRY_POINTS = {
  main: 'src/main.ts',
  'peer-process': 'src/lab/peer-process.ts',
} as const;

/** What a bundled CommonJS package takes for granted. */
const BANNER = `import{createRequire as nodeCreateRequire}from"node:module";const require=nodeCreateRequire(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;`;

/** Writes the bundle into the folder; returns the files it is made of, relative to the checkout. */
export async function bundle(out: string): Promise<string[]> {
  const { metafile, warnings } = await build({
    absWorkingDir: TOP,
    entryPoints: ENTRY_POINTS,
    outdir: out,
    bundle: true,
    // main.ts listens to signals before it loads the rest, so the rest must be a file of its own.
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node26',
    // Not tsconfig.json, which is for the type checker and not in the image's build stage.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    banner: { js: BANNER },
    // Smaller, for V8 keeps the text in memory; functions keep their names and lines are short, for stack traces.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    // One character outside of Latin-1 would double what the text takes.
    charset: 'ascii',
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
    plugins: [nativeLoaders, versionOnly, leanClient],
  });
  const [warning] = warnings;
  if (warning) throw new Error(`esbuild: ${warning.location?.file}: ${warning.text}`);
  return Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.keys(inputs))
    .filter((input) => metafile.inputs[input]?.bytes !== 0);
}

/** Both packages look for their addon where npm would have put it; see nativeFile in native-parts.ts. */
const nativeLoaders: Plugin = {
  name: 'native-loaders',
  setup({ onResolve, onLoad }) {
    const namespace = 'native';
    // From koffi's module/src/koffi/index.js: what a bundler is meant to fill in.
    onResolve({ filter: /^\.\/src\/static\.js$/ }, ({ importer }) => {
      return relative(TOP, importer).startsWith('node_modules/koffi/') ? { path: 'koffi', namespace } : null;
    });
    onResolve({ filter: /^node-gyp-build$/ }, ({ importer }) => {
      return relative(TOP, importer).startsWith('node_modules/netlink/')
        ? { path: 'netlink', namespace }
        : null;
    });
    onLoad({ filter: /.*/, namespace }, ({ path }) => {
      // A name in a variable is one that esbuild does not look for itself.
      const file = `const file = './native/${path}-' + process.platform + '-' + process.arch + '.node';`;
      const load = path === 'koffi' ? 'exports.loadStatic' : 'module.exports';
      return { contents: `${file} ${load} = () => require(file);`, loader: 'js' };
    });
  },
};

/** Of the program's own package.json only the version is bundled. */
const versionOnly: Plugin = {
  name: 'version-only',
  setup({ onLoad }) {
    onLoad({ filter: /\/package\.json$/ }, ({ path }) => {
      if (relative(TOP, path) !== 'package.json') return null;
      return { contents: JSON.stringify({ version: readManifest(TOP).version }), loader: 'json' };
    });
  },
};

/**
 * Parts of the Kubernetes client that enrich/watch.ts does not come by, for it takes a KubeConfig's credentials and makes
 * its requests itself: the second HTTP client, and the generated API with its model of every object. V8 would hold 10 MB
 * for them.
 */
const leanClient: Plugin = {
  name: 'lean-client',
  setup({ onResolve, onLoad }) {
    const namespace = 'left-out';
    const leftOut: Readonly<Record<string, readonly string[]>> = {
      undici: ['Agent', 'ProxyAgent'],
      './gen/index.js': ['createConfiguration', 'ServerConfiguration'],
    };
    onResolve({ filter: /^(undici|\.\/gen\/index\.js)$/ }, ({ importer, path }) => {
      const isConfig = relative(TOP, importer) === 'node_modules/@kubernetes/client-node/dist/config.js';
      return isConfig ? { path, namespace } : null;
    });
    onLoad({ filter: /.*/, namespace }, ({ path }) => {
      const fail = `() { throw new Error(${JSON.stringify(`${path} is not in this bundle`)}); }`;
      const exported = leftOut[path]?.map((name) => `export function ${name}${fail}`) ?? [];
      return { contents: exported.join('\n'), loader: 'js' };
    });
  },
};
