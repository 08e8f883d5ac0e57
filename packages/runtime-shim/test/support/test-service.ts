import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildProject, packProject, readProject } from '@bpfship/devkit';
import {
  type Descriptor,
  type GraphSource,
  MemoryStore,
  type OciLayoutStore,
  type ReadOnlyTarget,
} from '@bpfship/oras-client';

const HEAD = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;

/** A service to pack. */
export interface TestService {
  /** Default `test-service`. */
  name?: string;
  version: string;
  /** Variant name → C source, in the order of preference. The usual headers and the licence come before each. */
  variants: Record<string, string>;
  /** Event stream → struct. Default: `events`, of `struct event`. */
  events?: Record<string, string>;
  /** Default: standard. */
  form?: 'standard' | 'compatible';
  /** More lines of the project file. */
  project?: readonly string[];
}

/** A store with one package of each version, tagged with it. */
export interface PackedServices {
  store: MemoryStore;
  descriptors: Record<string, Descriptor>;
  /** Options of an install of a version from the store, unsigned. */
  unsigned(version: string): {
    target: ReadOnlyTarget & GraphSource;
    reference: string;
    location: string;
    allowUnsigned: true;
  };
}

/** Compiles and packs services, as an author does. */
export async function packServices(services: readonly TestService[]): Promise<PackedServices> {
  const store = new MemoryStore();
  const descriptors = await packServicesInto(store, services);
  return {
    store,
    descriptors,
    unsigned: (version) => ({ target: store, reference: version, location: 'memory', allowUnsigned: true }),
  };
}

/** As {@link packServices}, into a store such as a layout that a guest reads. @returns the manifests by version. */
export async function packServicesInto(
  store: MemoryStore | OciLayoutStore,
  services: readonly TestService[],
): Promise<Record<string, Descriptor>> {
  const descriptors: Record<string, Descriptor> = {};
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-service-'));
  try {
    for (const service of services) {
      const project = await readProject(writeProject(join(folder, service.version), service));
      const built = await buildProject(project, { outDir: join(folder, `${service.version}-build`) });
      descriptors[service.version] = await packProject(
        project,
        built,
        store,
        service.form ? { form: service.form } : {},
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return descriptors;
}

function writeProject(
  folder: string,
  { name = 'test-service', version, variants, events, project = [] }: TestService,
): string {
  mkdirSync(folder);
  for (const [variant, source] of Object.entries(variants))
    writeFileSync(join(folder, `${variant}.bpf.c`), HEAD + source);
  const streams = Object.entries(events ?? { events: 'event' });
  writeFileSync(
    join(folder, 'ebpf-service.yaml'),
    [
      `name: ${name}`,
      `version: ${version}`,
      ...(streams.length > 0 ? ['events:', ...streams.map(([map, type]) => `  - { map: ${map}, type: ${type} }`)] : []),
      ...project,
      'variants:',
      ...Object.keys(variants).map(
        (variant) =>
          `  - { name: ${variant}, sources: [${variant}.bpf.c], architectures: [${arch() === 'arm64' ? 'arm64' : 'amd64'}] }`,
      ),
    ].join('\n'),
  );
  return folder;
}
