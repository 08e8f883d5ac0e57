/**
 * Generates spec/schemas/ from the schemas in the code, so that both say the same.
 *
 *   node tools/schemas.ts           writes the files that differ
 *   node tools/schemas.ts --check   writes nothing; exits 1 and names the files that differ
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ProjectFileSchema } from '@bpfship/devkit';
import {
  BtfIndexDocumentSchema,
  BtfTableSchema,
  CatalogueSchema,
  EvidenceSchema,
  ServiceManifestSchema,
} from '@bpfship/media-types';
import { KernelFactsSchema } from '@bpfship/portability';
import { DesiredStateSchema } from '@bpfship/runtime-shim';

const FOLDER = join(import.meta.dirname, '..', 'spec', 'schemas');
/** Version of the standard, as it stands in the schemas' names. */
const VERSION = '0.1';

interface PublishedSchema {
  /** File name and last part of the `$id`. */
  readonly name: string;
  readonly title: string;
  readonly schema: z.ZodType;
}

const published: PublishedSchema[] = [
  { name: 'btf-index', title: 'BTF index of an eBPF service', schema: BtfIndexDocumentSchema },
  { name: 'package-manifest', title: 'Manifest of an eBPF service package', schema: ServiceManifestSchema },
  { name: 'kernel-facts', title: 'Kernel facts', schema: KernelFactsSchema },
  { name: 'btf-table', title: 'Table of a BTF supplement', schema: BtfTableSchema },
  { name: 'catalogue', title: 'Catalogue of eBPF services', schema: CatalogueSchema },
  { name: 'evidence', title: 'Evidence of an eBPF service on real kernels', schema: EvidenceSchema },
  // Not of the standard: the node's own file, published beside it for editors.
  { name: 'desired-state', title: 'Desired state of a node (node.yaml)', schema: DesiredStateSchema },
  // Not of the standard: the development kit's own file, published beside it for editors.
  { name: 'project-file', title: 'Project file of an eBPF service (ebpf-service.yaml)', schema: ProjectFileSchema },
];

function render({ name, title, schema }: PublishedSchema): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  const document = { $schema, $id: `urn:ebpf-service:${VERSION}:${name}`, title, ...rest };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const stale = published
  .map((entry) => ({ path: join(FOLDER, `${entry.name}.schema.json`), text: render(entry) }))
  .filter(({ path, text }) => readIfThere(path) !== text);

if (values.check) {
  for (const { path } of stale)
    console.error(`${relative(process.cwd(), path)} differs from the code; run: npm run docs`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  mkdirSync(FOLDER, { recursive: true });
  for (const { path, text } of stale) {
    writeFileSync(path, text);
    console.log(`wrote ${relative(process.cwd(), path)}`);
  }
}
