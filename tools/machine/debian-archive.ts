import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The repository's cache, which git ignores. */
export const CACHE: string = join(import.meta.dirname, '..', '..', '.cache');

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Suites of Debian that are used. */
export type DebianSuite = 'bullseye' | 'bookworm' | 'trixie' | 'forky';

/** Why Debian's other suites cannot be read here; `undefined` where they can. */
export function debianArchiveProblem(): string | undefined {
  if (!existsSync(KEYRING)) return `${KEYRING} is missing (package debian-archive-keyring)`;
  if (debianMirror() === undefined) return 'the machine’s apt configuration names no Debian mirror';
  return undefined;
}

/**
 * Fetches packages of a Debian suite and unpacks them into a folder, without touching the machine's own packages: apt works in a folder
 * of ours, with the mirror that the machine is configured for, and checks Debian's signatures. The folder appears whole or not at all,
 * so that processes may ask for the same one at the same time.
 *
 * @param packages - package names; `~` in front of one stands for a pattern of which the newest match is taken.
 * @param architecture - Debian's name of another architecture than this machine's. Default: this machine's.
 * @throws {Error} where the machine has no Debian mirror, or it does not answer.
 */
export function fetchDebianPackages(
  suite: DebianSuite,
  packages: readonly string[],
  folder: string,
  architecture?: string,
): void {
  if (existsSync(join(folder, '.complete'))) return;
  const problem = debianArchiveProblem();
  if (problem !== undefined) throw new Error(`Debian’s suite ${suite} cannot be read: ${problem}`);
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.part-`);
  try {
    const names = download(suite, packages, work, architecture);
    const unpacked = join(work, 'unpacked');
    mkdirSync(unpacked);
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
      command('dpkg-deb', ['-x', join(work, file), unpacked], work);
    writeFileSync(join(unpacked, '.complete'), `${names.join('\n')}\n`);
    moveFinished(unpacked, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Fetches the upstream source of a package of a Debian suite, without Debian's patches, and unpacks it into a folder; what holds for
 * {@link fetchDebianPackages} holds here.
 *
 * @throws {Error} as there.
 */
export function fetchDebianSource(suite: DebianSuite, name: string, folder: string): void {
  if (existsSync(join(folder, '.complete'))) return;
  const problem = debianArchiveProblem();
  if (problem !== undefined) throw new Error(`Debian’s suite ${suite} cannot be read: ${problem}`);
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.part-`);
  try {
    const archive = downloadDebianSource(suite, name, work);
    const unpacked = join(work, 'unpacked');
    mkdirSync(unpacked);
    command('tar', ['-xf', archive, '--strip-components=1', '-C', unpacked], work);
    writeFileSync(join(unpacked, '.complete'), `${basename(archive)}\n`);
    moveFinished(unpacked, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Downloads the upstream source of a package of a Debian suite into a folder, as it is.
 *
 * @returns the archive's path.
 * @throws {Error} as {@link fetchDebianPackages}.
 */
export function downloadDebianSource(suite: DebianSuite, name: string, folder: string): string {
  const problem = debianArchiveProblem();
  if (problem !== undefined) throw new Error(`Debian’s suite ${suite} cannot be read: ${problem}`);
  const place = `${suite}-source`;
  const apt = prepareApt(suite, place);
  const attempt = (): string =>
    command('apt-get', [...apt, 'source', '--download-only', '--tar-only', '--only-source', name], folder);
  try {
    attempt();
  } catch {
    updateLists(place, apt);
    attempt();
  }
  const tars = readdirSync(folder).filter((file) => /\.tar\.\w+$/.test(file));
  const main = tars.find((file) => /\.orig\.tar\.\w+$/.test(file)) ?? tars[0];
  if (main === undefined) throw new Error(`apt fetched no source of the package ${name}`);
  return join(folder, main);
}

/** Downloads, and once more with fresh lists: the archive drops a package as soon as it has a newer one. @returns the packages' names. */
function download(
  suite: DebianSuite,
  packages: readonly string[],
  work: string,
  architecture: string | undefined,
): string[] {
  const place = architecture === undefined ? suite : `${suite}-${architecture}`;
  const apt = prepareApt(suite, place, architecture);
  const attempt = (): string[] => {
    const names = packages.map((name) => (name.startsWith('~') ? newestMatch(apt, name.slice(1)) : name));
    command('apt-get', [...apt, 'download', ...names], work);
    return names;
  };
  try {
    return attempt();
  } catch {
    updateLists(place, apt);
    return attempt();
  }
}

/** Moves a finished folder to its place; where another process was faster, its folder stays. */
function moveFinished(unpacked: string, folder: string): void {
  if (existsSync(join(folder, '.complete'))) return;
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(unpacked, folder);
  } catch (error) {
    if (!existsSync(join(folder, '.complete'))) throw error;
  }
}

function sourceLine(kind: 'deb' | 'deb-src', uri: string, suite: string): string {
  return `${kind} [signed-by=${KEYRING}] ${uri} ${suite} main\n`;
}

/** apt's options for a suite whose lists are fetched. */
function prepareApt(suite: DebianSuite, place: string, architecture?: string): string[] {
  const root = join(CACHE, 'apt', place);
  for (const path of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(root, path), { recursive: true });
  const mirror = debianMirror() ?? '';
  const kind = place.endsWith('-source') ? 'deb-src' : 'deb';
  const security =
    suite === 'bullseye'
      ? sourceLine(kind, mirror.replace(/\/debian\/?$/, '/debian-security'), `${suite}-security`)
      : '';
  writeFileSync(join(root, 'sources.list'), sourceLine(kind, mirror, suite) + security);
  writeFileSync(join(root, 'status'), '');
  const options = [
    ...(architecture === undefined ? [] : [`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`]),
    `Dir::State=${root}`,
    `Dir::State::Lists=${root}/lists`,
    `Dir::State::status=${root}/status`,
    `Dir::Cache=${root}/cache`,
    `Dir::Etc::sourcelist=${root}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
    'Acquire::Retries=2',
    'APT::Update::Error-Mode=any',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  if (!existsSync(join(root, 'fetched'))) updateLists(place, options);
  return options;
}

/** Fetches the lists of a suite. Only one process may do that at a time, so the others wait. */
function updateLists(place: string, apt: readonly string[]): void {
  const root = join(CACHE, 'apt', place);
  command('flock', [join(root, 'update.lock'), 'apt-get', ...apt, 'update'], root);
  writeFileSync(join(root, 'fetched'), '');
}

function newestMatch(apt: readonly string[], pattern: string): string {
  const found = command('apt-cache', [...apt, 'search', '--names-only', pattern], '/')
    .split('\n')
    .map((text) => text.split(' ')[0] ?? '')
    .filter((name) => new RegExp(pattern).test(name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const newest = found.at(-1);
  if (newest === undefined) throw new Error(`no package matches ${pattern}`);
  return newest;
}

/** The Debian mirror of the machine's apt configuration, in either of its two formats. */
function debianMirror(): string | undefined {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : []),
  ];
  for (const file of files.filter((path) => /\.(?:list|sources)$/.test(path) && existsSync(path))) {
    const text = readFileSync(file, 'utf8');
    const uris = [...text.matchAll(/^(?:URIs:|deb\s+(?:\[[^\]]*\]\s+)?)(.*)$/gm)].flatMap((match) =>
      (match[1] ?? '').trim().split(/\s+/),
    );
    const found = uris.find((uri) => /^https?:.*\/debian\/?$/.test(uri));
    if (found !== undefined) return found;
  }
  return undefined;
}

function command(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0)
    throw new Error(`${program} ${args.filter((arg) => !arg.includes('::')).join(' ')} failed: ${stderr}${stdout}`);
  return stdout;
}
