import { writeFile } from 'node:fs/promises';
import {
  buildManifest,
  type Descriptor,
  EMPTY_CONTENT,
  EMPTY_DESCRIPTOR,
  type GraphTarget,
  type ReferencePusher,
} from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { fileError } from '../files.ts';
import type { ArtifactOptionValues } from '../options/artifact-options.ts';
import { createProgress } from '../terminal/progress.ts';
import { isInteractive } from '../terminal/streams.ts';
import { readAnnotations } from './annotations.ts';
import { pushBlobs } from './push-blobs.ts';
import { parseFileArgument, readSourceFile, type SourceBlob, titleFor } from './source-file.ts';
import { ANNOTATION_TITLE } from './titles.ts';

/** Media types of what names none; those of oras. */
const DEFAULT_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const DEFAULT_CONFIG = 'application/vnd.unknown.config.v1+json';
const DEFAULT_ARTIFACT = 'application/vnd.unknown.artifact.v1';

/** An artifact as it was pushed. */
export interface PushedArtifact {
  descriptor: Descriptor;
  annotations: Record<string, string>;
  /** Its `artifactType`, or else the media type of its config. */
  artifactType: string;
}

/** Where an artifact goes. */
export interface ArtifactPlace {
  target: GraphTarget & Partial<ReferencePusher>;
  tags: readonly string[];
  /** What it refers to. */
  subject?: Descriptor;
}

/**
 * Makes an artifact of files and pushes it: blobs first, then the manifest, under its tags. Equal files and options give an equal digest: no date
 * is written that is not asked for.
 *
 * @throws {CliError} for files that cannot be read or named; {OciError}.
 */
export async function pushArtifact(
  { target, tags, subject }: ArtifactPlace,
  fileArguments: readonly string[],
  values: ArtifactOptionValues,
  context: CommandContext,
): Promise<PushedArtifact> {
  const { streams, options, signal } = context;
  const annotations = await readAnnotations(values.annotation, values.annotationFile);
  const files = await readFiles(fileArguments, annotations.files, signal);
  const config =
    values.config === undefined
      ? undefined
      : await readSourceFile(parseFileArgument(values.config, DEFAULT_CONFIG), signal);
  const artifactType = values.artifactType ?? (config === undefined ? DEFAULT_ARTIFACT : undefined);
  const built = buildManifest({
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(config === undefined ? {} : { config: config.descriptor }),
    layers: files.map(({ descriptor }) => descriptor),
    annotations: annotations.manifest,
    ...(subject === undefined ? {} : { subject }),
  });
  const empty = config === undefined || files.length === 0 ? [EMPTY] : [];
  const progress = createProgress(streams, {
    interactive: isInteractive(streams, !options.tty),
    quiet: options.quiet,
    words: { doing: 'Pushing', done: 'Pushed' },
  });
  try {
    await pushBlobs(target, [...files, ...(config === undefined ? [] : [config]), ...empty], {
      concurrency: values.concurrency,
      onProgress: progress.onProgress,
      signal,
    });
  } finally {
    progress.close();
  }
  await pushTagged(target, built.descriptor, built.bytes, { tags, signal });
  if (values.exportManifest !== undefined) await exportManifest(values.exportManifest, built.bytes);
  return {
    descriptor: built.descriptor,
    annotations: annotations.manifest,
    artifactType: artifactType ?? built.manifest.config.mediaType,
  };
}

const EMPTY: SourceBlob = { descriptor: EMPTY_DESCRIPTOR, content: EMPTY_CONTENT };

/** Pushes a manifest under tags; where there are none, by its digest. */
export async function pushTagged(
  target: ArtifactPlace['target'],
  descriptor: Descriptor,
  bytes: Uint8Array,
  { tags, signal }: { tags: readonly string[]; signal: AbortSignal },
): Promise<void> {
  if (tags.length === 0 || !target.pushReference) await target.push(descriptor, bytes, { signal });
  for (const tag of tags) {
    if (target.pushReference) await target.pushReference(descriptor, bytes, tag, { signal });
    else await target.tag(descriptor, tag, { signal });
  }
}

async function readFiles(
  fileArguments: readonly string[],
  annotations: ReadonlyMap<string, Record<string, string>>,
  signal: AbortSignal,
): Promise<SourceBlob[]> {
  const blobs: SourceBlob[] = [];
  const titles = new Set<string>();
  const unused = new Set(annotations.keys());
  for (const argument of fileArguments) {
    const file = parseFileArgument(argument, DEFAULT_LAYER);
    const title = titleFor(file.path);
    if (titles.has(title)) throw new CliError('ERR_CLI_USAGE', `${title} is named twice`, 'Name each file once.');
    titles.add(title);
    unused.delete(file.path);
    const blob = await readSourceFile(file, signal);
    const own = { [ANNOTATION_TITLE]: title, ...annotations.get(file.path) };
    blobs.push({ ...blob, descriptor: { ...blob.descriptor, annotations: own } });
  }
  for (const name of unused) {
    throw new CliError(
      'ERR_CLI_USAGE',
      `the annotation file has "${name.slice(0, 128)}", which is none of the files`,
      'Name files there as on the command line, and the manifest "$manifest".',
    );
  }
  return blobs;
}

async function exportManifest(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes).catch((error: unknown) => {
    throw fileError(error, path, 'written');
  });
}
