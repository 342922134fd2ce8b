/*
 * Builds the package that is published, in `dist`: compiled JavaScript and type declarations with a package.json of
 * its own. Node strips types in a checkout but refuses to under node_modules, so what is installed must be JavaScript.
 *
 * Run: npm run build
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Manifest {
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  scripts?: unknown;
  devDependencies?: unknown;
  allowScripts?: unknown;
}

/** `new URL('./worker.ts', import.meta.url)`: how a module names a file that it does not import. */
const MODULE_URL = /(new URL\((['"])\.{1,2}\/[^'"]+)\.ts(\2,\s*import\.meta\.url\))/g;

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
compile();
rewriteModuleUrls();
writeManifest();
for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) cpSync(join(root, file), join(dist, file));

function compile(): void {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const { bin } = JSON.parse(readFileSync(typescript, 'utf8')) as { bin: { tsc: string } };
  execFileSync(process.execPath, [join(dirname(typescript), bin.tsc), '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
  });
}

/** The compiler rewrites the extension in imports only, not in addresses of worker modules. */
function rewriteModuleUrls(): void {
  for (const file of globSync('**/*.js', { cwd: dist })) {
    const path = join(dist, file);
    const source = readFileSync(path, 'utf8');
    const rewritten = source.replaceAll(MODULE_URL, '$1.js$3');
    if (rewritten !== source) writeFileSync(path, rewritten);
  }
}

function writeManifest(): void {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  delete manifest.scripts;
  delete manifest.devDependencies;
  delete manifest.allowScripts;
  for (const [name, file] of Object.entries(manifest.bin)) manifest.bin[name] = compiled(file, '.js');
  for (const [name, file] of Object.entries(manifest.exports)) {
    if (typeof file !== 'string' || !file.endsWith('.ts')) continue;
    manifest.exports[name] = { types: compiled(file, '.d.ts'), default: compiled(file, '.js') };
  }
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function compiled(file: string, extension: string): string {
  return file.replace(/\.ts$/, extension);
}
