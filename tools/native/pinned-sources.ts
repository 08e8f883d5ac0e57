import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, type DebianSuite, downloadDebianSource } from '../machine/debian-archive.ts';
import { hasCommand } from '../machine/system-packages.ts';

/** An archive that is what its digest says, from wherever it comes. */
export interface PinnedArchive {
  file: string;
  sha256: string;
}

/** Where the parts of a source set are, unpacked. */
export interface Sources {
  /** `crate` or `debian`. */
  set: string;
  libbpf: string;
  elfutils: string;
  zlib: string;
  /** What was unpacked, for the SOURCES file. */
  archives: readonly SourceRecord[];
}

/** One archive as people find it again. */
export interface SourceRecord extends PinnedArchive {
  what: string;
  from: string;
}

/**
 * Rust’s crate libbpf-sys carries the sources of libbpf, elfutils and zlib; a published crate never changes. Its build script is not used.
 * zlib’s version is that of the crate: only inflate of /proc/config.gz is used of it.
 */
const CRATE = {
  name: 'libbpf-sys',
  version: '1.7.0+v1.7.0',
  sha256: 'a109478760b2900aa2a6f2087e9d0de1d9c535b1758602af2845d5d2ccfaed7c',
  what: 'libbpf 1.7.0, elfutils 0.191 and zlib 1.2.13, in the crate libbpf-sys 1.7.0+v1.7.0',
};

/** Debian 13’s upstream archives, which stay in its archive for as long as Debian 13 does. */
const DEBIAN: readonly { part: 'libbpf' | 'elfutils' | 'zlib'; suite: DebianSuite; what: string; sha256: string }[] = [
  {
    part: 'libbpf',
    suite: 'trixie',
    what: 'libbpf 1.5.0',
    sha256: '53492aff6dd47e4da04ef5e672d753b9743848bdb38e9d90eafbe190b7983c44',
  },
  {
    part: 'elfutils',
    suite: 'trixie',
    what: 'elfutils 0.192',
    sha256: '616099beae24aba11f9b63d86ca6cc8d566d968b802391334c91df54eab416b4',
  },
  {
    part: 'zlib',
    suite: 'trixie',
    what: 'zlib 1.3.1',
    sha256: '60dd315c07f616887caa029408308a018ace66e3d142726a97db164b3b8f69fb',
  },
];

const FOLDER = join(CACHE, 'native', 'sources');

/**
 * The sources, unpacked: from the crate where Rust’s client is there (its configuration says from which registry), else from Debian 13
 * through apt (its configuration says from which mirror). Each archive is checked before it is unpacked.
 *
 * @param set - takes only this set.
 * @throws {Error} with what came of each set.
 */
export function fetchSources(set?: string): Sources {
  const problems: string[] = [];
  const ways: Record<string, () => Sources> = { crate: fetchCrate, debian: fetchDebian };
  for (const [name, fetch] of Object.entries(ways)) {
    if (set !== undefined && set !== name) continue;
    try {
      return fetch();
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message.trim()}`);
    }
  }
  throw new Error(`the sources of libbpf cannot be fetched:\n${problems.join('\n')}`);
}

function fetchCrate(): Sources {
  const { name, version, sha256, what } = CRATE;
  const file = `${name}-${version}.crate`;
  const folder = unpackOnce(file, { file, sha256 }, (work) => {
    if (!hasCommand('cargo')) throw new Error('cargo is not installed');
    // The one command of cargo (1.82 and newer) that fetches a crate without all that it depends on.
    const env = { ...process.env, CARGO_HOME: work };
    const configured = join(process.env['CARGO_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cargo'), 'config.toml');
    const config = existsSync(configured) ? ['--config', configured] : [];
    const args = ['info', '--quiet', ...config, `${name}@${version}`];
    execFileSync('cargo', args, { cwd: work, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const cache = join(work, 'registry', 'cache');
    const index = readdirSync(cache).find((each) => existsSync(join(cache, each, file)));
    if (index === undefined) throw new Error(`cargo fetched no ${file}`);
    return join(cache, index, file);
  });
  const path = (part: string): string => join(folder, part);
  const archives = [{ file, sha256, what, from: `crate ${name} ${version}` }];
  return { set: 'crate', libbpf: path('libbpf'), elfutils: path('elfutils'), zlib: path('zlib'), archives };
}

function fetchDebian(): Sources {
  const folders = DEBIAN.map(({ part, suite, sha256, what }) => {
    const archive = { file: `Debian’s source of ${part}`, sha256 };
    const folder = unpackOnce(`debian-${part}-${sha256.slice(0, 16)}`, archive, (work) =>
      downloadDebianSource(suite, part, work),
    );
    return {
      part,
      folder,
      record: { file: `${part} orig tar`, sha256, what, from: `Debian ${suite}, source package ${part}` },
    };
  });
  const folderOf = (part: string): string => folders.find((each) => each.part === part)?.folder ?? '';
  return {
    set: 'debian',
    libbpf: folderOf('libbpf'),
    elfutils: folderOf('elfutils'),
    zlib: folderOf('zlib'),
    archives: folders.map(({ record }) => record),
  };
}

/**
 * Downloads, checks and unpacks an archive into a folder of the cache, unless it is there. The folder appears whole or not at all.
 *
 * @param download - gives the path of the archive, which is in a folder that goes away.
 * @throws {Error} where the archive is another one.
 */
export function unpackOnce(name: string, { file, sha256 }: PinnedArchive, download: (work: string) => string): string {
  const folder = join(FOLDER, name.replaceAll('+', '-'));
  if (existsSync(folder)) return folder;
  mkdirSync(FOLDER, { recursive: true });
  const work = mkdtempSync(join(FOLDER, 'part-'));
  try {
    const archive = download(work);
    const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
    if (digest !== sha256)
      throw new Error(`${file} has the SHA-256 ${digest} instead of ${sha256}; it is not unpacked`);
    const unpacked = join(work, 'unpacked');
    mkdirSync(unpacked);
    execFileSync('tar', ['-xf', archive, '--strip-components=1', '-C', unpacked], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      renameSync(unpacked, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
