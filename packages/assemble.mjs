// Fills packages/client and packages/server from the build, so that no source and no build output is in git twice.
// `npm run build` and each package's `prepack` call it. It needs `dist/` and writes only what differs, because examples
// and `npx parley` run from these folders.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const build = join(project, 'dist');

/** `import … from './x.js'`, `export … from './x.js'`, `import './x.js'`, `import('./x.js')`. */
const IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)\.js['"]/g;
const SOURCE_MAP_LINK = /\n\/\/# sourceMappingURL=.*\s*$/;

/**
 * The modules that `entries` import, directly or not, with their types if `kinds` has them. Stale files in `dist/` and
 * modules that nothing imports stay out.
 * @param {string[]} entries paths below `dist/`, without an ending
 * @param {('.js' | '.d.ts')[]} kinds
 */
function imported(entries, kinds) {
  const files = new Map();
  const waiting = entries.map((entry) => join(build, entry));
  const seen = new Set(waiting);
  for (let stem = waiting.pop(); stem !== undefined; stem = waiting.pop())
    for (const kind of kinds) {
      // The package has no sources for a source map to show.
      const text = readFileSync(stem + kind, 'utf8').replace(SOURCE_MAP_LINK, '\n');
      files.set(relative(project, stem + kind), text);
      for (const [, target = ''] of text.matchAll(IMPORT)) {
        const next = resolve(dirname(stem), target);
        if (seen.has(next)) continue;
        seen.add(next);
        waiting.push(next);
      }
    }
  return files;
}

/** The files in a folder of the project, at any depth. */
function filesIn(folder) {
  const entries = readdirSync(join(project, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(project, join(entry.parentPath, entry.name)));
}

const asIs = (paths) => new Map(paths.map((path) => [path, readFileSync(join(project, path), 'utf8')]));

/** Makes `built` of a package hold exactly `files`, and its licence the project's. */
function fill(name, built, files) {
  const folder = join(project, 'packages', name);
  const wanted = new Map([...files].map(([path, text]) => [join(folder, path), text]));
  for (const part of built)
    for (const path of existsSync(join(folder, part)) ? filesIn(join('packages', name, part)) : [])
      if (!wanted.has(join(project, path))) rmSync(join(project, path));
  wanted.set(join(folder, 'LICENSE'), readFileSync(join(project, 'LICENSE'), 'utf8'));
  for (const [path, text] of wanted) {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

if (!existsSync(build)) {
  console.error('dist/ is missing: run `npm run build` first');
  process.exit(1);
}

const client = imported(['src/client/public', 'src/client/realtime/public', 'src/contract/public'], ['.js', '.d.ts']);
// Without the folder `src`: a program imports from `dist/client`.
fill('client', ['dist'], new Map([...client].map(([path, text]) => [path.replace('dist/src/', 'dist/'), text])));

// The program finds its policy and its migrations beside `dist`, as in the project.
const server = new Map([
  ...imported(['src/main/cli'], ['.js']),
  ...asIs(['policy/default.yaml', ...filesIn('prisma/migrations'), 'prisma/schema.prisma', ...filesIn('dist/web')]),
]);
fill('server', ['dist', 'policy', 'prisma'], server);
chmodSync(join(project, 'packages', 'server', 'dist', 'src', 'main', 'cli.js'), 0o755);
