import type { CrateOrigin, GoOrigin, Origin, PackageOrigin } from './origins.ts';

/**
 * The set `heldout`: objects that no rule was written with. A disagreement here is looked into as one of the others, and its rule comes from
 * the kernel's source, never from the object.
 */
export const HELDOUT_ORIGINS: readonly Origin[] = [
  embedded('forky', 'libbpf-tools', 'f0fa1120347273ae2610a70f24598667554be4461dfe1e97b69932c0ab9c6e90'),
  embedded('trixie', 'libbpf-tools', '1a4ca4d878370790b8c9f1a8e4e8f7afa680d2f4a037a81e0ba8860ad1fa9473'),
  embedded('trixie', 'libbpftune0', '6e831a23d722ef695ee2dfface8e12a44c631a2ce0755682c0eaef68c9ea1c25'),
  embedded('trixie', 'pcp', '56e9391d629ed3b832a2c79bb504450e82c0c56c70960bee5b7cd2afddc4c099'),
  embedded('forky', 'suricata', '1fc1406fd639c060b701a53ccbcaed8acfc645d1de099ba9ecd75dbd98880214'),
  embedded('forky', 'nsd', '346c434b490d02080bfd6c1a9ca101187cb344cb9fef74eba303957b8e281f9f'),
  embedded('forky', 'runsc', '1cf57e09d94840f66e743f4a16961f0bc97c7918d0301e2db8f0c6b2118c0b4a'),
  embedded('forky', 'rsched', '8b752aeecb2d269a7dfdea94fc220c986056047acd7374a8af490e0ddf1692e6'),
  embedded('forky', 'mimic', 'db42809c19e73c020e6749a7d4f47dde30babfd0b6997198a01239b36a9d70ea'),
  embedded('forky', 'bpfilter', '808c3aa4155a30732a38bff1de2f64b94f32eb3927c73f8822f82e2f7fcb4e1d'),
  {
    kind: 'debian-source',
    suite: 'trixie',
    name: 'bpftune',
    digest: 'd2f5b1c997b66ee0528ef9e66ff60e52e5676d7c2e6cf82309abbef0cc8d631a',
    sources: /^src\/[^/]+\.bpf\.c$/,
    include: ['include', 'src'],
  },
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'suricata',
    prefix: 'forky-suricata-source',
    digest: '86b1a4bab23b5d9f90c12710975e46f0342a4c7bbe2b8fdb329b19260b927efe',
    sources: /^ebpf\/[^/]+\.c$/,
    include: ['ebpf/include'],
    // Its headers are the kernel's own, which another architecture's assembler would not read.
    flags: ['-D__KERNEL__', '-D__ASM_SYSREG_H'],
  },
  {
    kind: 'debian-source',
    suite: 'forky',
    name: 'knot',
    digest: '2936c8dd6bd735840e26fb2adfb23e23c96894d57d261c260d8a529e9c31eccb',
    sources: /^src\/libknot\/xdp\/bpf-kernel\.c$/,
    include: ['src'],
  },
  {
    kind: 'go-module',
    name: 'github.com/cilium/cilium',
    version: 'v1.20.2',
    prefix: 'cilium-cilium',
    digest: 'fa2d492d2fb7bd77fd974b9db7a2f29d131078e98099ef6ee4fb68fe3e18ff0c',
    objects: /_bpfel\.o$|^(?:pkg|test)\/.*(?<!_bpfeb)\.o$/,
  },
  {
    kind: 'go-source',
    name: 'go.opentelemetry.io/auto',
    version: 'v0.24.0',
    prefix: 'otel-auto',
    digest: 'd9b7dbcda0bcbfffafac78235f0393b1d93366233b04cd5b121f47082beac030',
    sources: /^internal\/pkg\/instrumentation\/bpf\/.*\.bpf\.c$/,
    include: ['internal/include', 'internal/include/libbpf'],
  },
  ciliumEbpf('v0.21.0', 'a4bc2620e5d939e2c2d775fd2b4e65010d08b546019053d7ac4af9492cc03935'),
  ciliumEbpf('v0.17.3', '98bf28046067ef5fa4507b3b15d537b2cb0225a8c5fd0dd23f028a4396565cb8'),
  ciliumEbpf('v0.12.3', '2ef7b2e68ced5ff08b054e6868dbc21ce5f0403a994b482228d08496fda850d0'),
  {
    kind: 'crate',
    name: 'libbpf-rs',
    version: '0.27.2',
    digest: 'd26285c0a33c5bb2dca6ff5e403d10b111e43d6b29764103ac2d54ad8ed452c8',
    sources: /^tests\/bin\/src\/[^/]+\.bpf\.c$/,
    compiler: 'clang-19',
  },
  scheduler('scx_beerland', '52d778869b7dd4c0b23821658068b961c37131ce1d321d29bc7d183d262fbfca'),
  scheduler('scx_bpfland', '9092af8d1f66256050286f9e0d0ca0db3e032671202334ef988f0b25788d0dcd'),
  scheduler('scx_flash', '7b44702c382f69690e94285493cfc010c27bf62e387576b81c044a0d8db089ca'),
  scheduler('scx_tickless', '868e9d02d712807a2ed32aa6d68b833fff07b6069d2a7b1766b1fe0eb17ea71a'),
];

/** A package whose programs carry skeletons. */
function embedded(suite: PackageOrigin['suite'], name: string, digest: string): PackageOrigin {
  return { kind: 'debian-package', suite, name, prefix: `${suite}-${name}-embedded`, digest, embedded: true };
}

/** An older version of the library of the set `real`: its tests have changed much. */
function ciliumEbpf(version: string, digest: string): GoOrigin {
  const objects = /(?:-el\.elf|_bpfel\.o)$/;
  return { kind: 'go-module', name: 'github.com/cilium/ebpf', version, prefix: `cilium-${version}`, digest, objects };
}

/** A scheduler of sched_ext. */
function scheduler(name: string, digest: string): CrateOrigin {
  return {
    kind: 'crate',
    name,
    version: '1.1.4',
    digest,
    sources: /^src\/bpf\/main\.bpf\.c$/,
    headers: { name: 'scx_cargo', version: '1.1.4', include: ['bpf_h', 'bpf_h/bpf-compat'] },
    // Arenas and atomics need them, as its build does.
    compiler: 'clang-19',
    flags: ['-mcpu=v3'],
  };
}
