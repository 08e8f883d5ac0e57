import type { DebianSuite } from '../../tools/machine/debian-archive.ts';

/**
 * Where real objects come from. None is committed: they are fetched when the corpus is measured. `digest` is the SHA-256 of what was
 * measured last (of the objects, or of the C files before they are compiled, in the order of their names): where an archive has moved on,
 * the results say so instead of passing as the same.
 */
export type Origin = PackageOrigin | SourceOrigin | GoOrigin | GoSourceOrigin | CrateOrigin;

interface AnyOrigin {
  name: string;
  digest: string;
  /** What its objects' names begin with. Default: by suite and name. */
  prefix?: string;
}

/** C files that are compiled here. */
export interface SourceFiles {
  /** Paths in the unpacked source. */
  sources: RegExp;
  /** Folders with headers, in the unpacked source. The file's own folder is always one. */
  include?: readonly string[];
  flags?: readonly string[];
  /** Flags of one file, by its name without ending. */
  fileFlags?: Readonly<Record<string, readonly string[]>>;
  /** Default: clang. */
  compiler?: 'clang' | 'clang-19';
  /** Whether objects are named by the path of their source: many files have one name. Default: by its name. */
  wholePaths?: boolean;
}

/** A Debian package that ships objects. */
export interface PackageOrigin extends AnyOrigin {
  kind: 'debian-package';
  suite: DebianSuite;
  /** They lie inside its programs and libraries. Default: they are files of their own. */
  embedded?: true;
}

/** A Debian source package whose BPF programs are compiled here. */
export interface SourceOrigin extends AnyOrigin, SourceFiles {
  kind: 'debian-source';
  suite: DebianSuite;
}

/** A Go module that carries objects for `go:embed`. */
export interface GoOrigin extends AnyOrigin {
  kind: 'go-module';
  version: string;
  /** Objects, paths in the module. */
  objects: RegExp;
}

/** A Go module whose BPF programs are compiled here. */
export interface GoSourceOrigin extends AnyOrigin, SourceFiles {
  kind: 'go-source';
  version: string;
}

/** A Rust crate whose BPF programs are compiled here. */
export interface CrateOrigin extends AnyOrigin, SourceFiles {
  kind: 'crate';
  version: string;
  /** Another crate with headers, and the folders in it. */
  headers?: { name: string; version: string; include: readonly string[] };
}

/** What came of collecting an origin. */
export interface Collected {
  digest: string;
  /** What could not be compiled, with the compiler's first error. */
  failures: { source: string; error: string }[];
}

/** The set `real`. */
export const ORIGINS: readonly Origin[] = [
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'bpfcc',
    digest: '8c265dcfabc61cf257bff2bee146abe67a3c56d54e604b4a082e9a6d96410399',
    sources: /^libbpf-tools\/[^/]+\.bpf\.c$/,
    include: ['libbpf-tools'],
    // As its Makefile does.
    fileFlags: { softirqs: ['-mcpu=v3'] },
  },
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'xdp-tools',
    digest: '58215d46aea8067e87e83ead2e85cfd6d493bc0c71a879a5831af1e05da7aaf5',
    sources: /^(?:xdp-(?:monitor|forward|bench|trafficgen)|lib\/util)\/[^/]+\.bpf\.c$|^lib\/testing\/xdp_[^/]+\.c$/,
    include: ['headers', 'headers/xdp', 'lib/util', 'lib'],
    flags: ['-DHAVE_LIBBPF_BPF_PROGRAM__FLAGS'],
  },
  {
    kind: 'debian-source',
    suite: 'trixie',
    name: 'systemd',
    digest: 'ed61252d7921d5750e3370888a9b56ee14fffc4d9cda1a286529d63de8628061',
    sources: /^src\/.*\.bpf\.c$/,
  },
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'systemd',
    digest: 'c2b449759b9b1625d94daed3a0bcb5826d2955b2d33fc4c5499d6ace9055d759',
    sources: /^src\/.*\.bpf\.c$/,
    // What meson sets.
    flags: [
      '-DDYNAMIC_UID_MIN=61184',
      '-DDYNAMIC_UID_MAX=65519',
      '-DCONTAINER_UID_BASE_MIN=524288',
      '-DCONTAINER_UID_BASE_MAX=1878982656',
    ],
  },
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'pwru',
    digest: '58843168499855b6af135a94a63513ca441cdb981c28a554a483c18c6a7f83cc',
    sources: /^bpf\/kprobe_pwru\.c$/,
    include: ['bpf/headers'],
    flags: ['-DHAS_KPROBE_MULTI'],
  },
  {
    kind: 'debian-package',
    suite: 'forky',
    name: 'libxdp1',
    digest: '426981b4ad74b5a85192f2c4c711d4805734f9af598849bb96dec53e52848dea',
  },
  {
    kind: 'debian-package',
    suite: 'bookworm',
    name: 'libxdp1',
    digest: '3ae50723de0690eaa2a90871839438601dad97691677c1261e46fb284cdb5ad3',
  },
  {
    kind: 'debian-package',
    suite: 'forky',
    name: 'xdp-tests',
    digest: '5eceff1faee93d6589d790269e6906d6887054b8d4c5f87ad67a050b08540c12',
  },
  {
    kind: 'debian-package',
    suite: 'forky',
    name: 'udev-hid-bpf',
    digest: '4913b2211d2a20e32d37878ee710613d2e429fba2cefcc5afddde17fd5b7910b',
  },
  {
    kind: 'debian-package',
    suite: 'forky',
    name: 'ir-keytable',
    digest: 'ba9cdfe883233f360f669ae974646d6fa2c5c26fd1b9ee0a9a7f81ae97f88796',
  },
  {
    kind: 'debian-package',
    suite: 'forky',
    name: 'opensnitch-ebpf-modules',
    digest: '9aa860ec1a92088d48d4962779585aeb7939e01bfdba4f6ba0a99608710d86f1',
  },
  {
    kind: 'go-module',
    name: 'github.com/cilium/ebpf',
    version: 'v0.22.0',
    digest: '2a8ec15d35ec7885535dff06d86ac87f4977c26696bead7c4ed4af0071bbc84a',
    objects: /(?:-el\.elf|_bpfel\.o)$/,
  },
];
