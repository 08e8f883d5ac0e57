import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  ANNOTATION_ARCHITECTURE,
  ANNOTATION_TITLE,
  ANNOTATION_VARIANT,
  MEDIA_TYPE_DOCS_GZIP,
  MEDIA_TYPE_VARIANT_GZIP,
} from '@bpfship/media-types';
import { type Descriptor, digestOf } from '@bpfship/oras-client';
import { type BuiltObject, type BuiltProject, formSuffix } from '../build/built-project.ts';
import { DevkitError, fileError } from '../devkit-error.ts';
import type { Project } from '../project/project.ts';
import { archiveCanonically } from './canonical-archive.ts';

/** A layer with its bytes. */
export interface PackedLayer {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

/** What a form makes of index and layers. */
export interface PackedParts {
  artifactType?: string;
  config: PackedLayer;
  layers: PackedLayer[];
  /** Of the manifest, besides those that every form has. */
  annotations: Record<string, string>;
}

/** Bound on a file of the documentation layer, in bytes. */
const MAX_DOC_SIZE: number = 1024 * 1024;

/** The name of an object in its layer. */
export function objectPath({ variant }: Pick<BuiltObject, 'variant'>): string {
  return `${variant}.bpf.o`;
}

/** The layer of each object, in the objects' order. */
export async function packVariantLayers(built: BuiltProject): Promise<PackedLayer[]> {
  const layers: PackedLayer[] = [];
  for (const object of built.objects) {
    const bytes = await archiveCanonically([{ name: objectPath(object), bytes: object.bytes }]);
    layers.push({
      bytes,
      descriptor: describe(bytes, MEDIA_TYPE_VARIANT_GZIP, {
        [ANNOTATION_TITLE]: layerTitle(built, `${object.variant}${formSuffix(object)}`),
        [ANNOTATION_VARIANT]: object.variant,
        ...(object.architecture === undefined ? {} : { [ANNOTATION_ARCHITECTURE]: object.architecture }),
      }),
    });
  }
  return layers;
}

/** The documentation layer, which nodes do not fetch; nothing where the project names no documents. */
export async function packDocsLayer(project: Project): Promise<PackedLayer | undefined> {
  if (project.docs.length === 0) return undefined;
  const names = new Set<string>();
  const files = [];
  for (const path of project.docs) {
    const name = basename(path);
    if (names.has(name)) throw docError(project, path, `two documents are named ${name}`);
    names.add(name);
    files.push({ name, bytes: await readDoc(project, path) });
  }
  const bytes = await archiveCanonically(files);
  return {
    bytes,
    descriptor: describe(bytes, MEDIA_TYPE_DOCS_GZIP, { [ANNOTATION_TITLE]: layerTitle(project, 'docs') }),
  };
}

async function readDoc(project: Project, path: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).size > MAX_DOC_SIZE) throw docError(project, path, `${path} is larger than 1 MiB`);
    return await readFile(path);
  } catch (cause) {
    throw cause instanceof DevkitError ? cause : fileError('reading', path, cause);
  }
}

function docError(project: Project, file: string, message: string): DevkitError {
  return new DevkitError('ERR_PROJECT_INVALID', message, { file, hint: `Change "docs" in ${project.file}.` });
}

/** A service name may hold slashes; a title is a file name. */
export function layerTitle(
  { name, version }: Pick<BuiltProject, 'name' | 'version'>,
  what: string,
  suffix = 'tar.gz',
): string {
  return `${name.replaceAll('/', '-')}-${version}-${what}.${suffix}`;
}

function describe(bytes: Uint8Array, mediaType: string, annotations: Record<string, string>): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, annotations };
}
