import { ANNOTATION_TITLE, ANNOTATION_VARIANT, parseServiceManifest, serviceLayers } from '@bpfship/media-types';
import { CliError } from '../cli-error.ts';
import type { FileLayer } from './download.ts';

/**
 * The layers of a package of an eBPF service, checked as such; with a variant those of it only.
 *
 * @throws {CliError} `ERR_CLI_NOT_FOUND` for a variant that it does not have, `ERR_CLI_FILE` for titles that are no plain file names.
 */
export function layersOfService(bytes: Uint8Array, display: string, variant: string | undefined): FileLayer[] {
  const all = serviceLayers(parseServiceManifest(bytes));
  const layers = all.filter(
    ({ annotations }) => variant === undefined || annotations?.[ANNOTATION_VARIANT] === variant,
  );
  if (layers.length === 0) {
    const names = all.map(({ annotations }) => annotations?.[ANNOTATION_VARIANT]).filter(Boolean);
    throw new CliError(
      'ERR_CLI_NOT_FOUND',
      `${display} has no variant "${variant}"`,
      `It has: ${[...new Set(names)].join(', ')}`,
    );
  }
  return layers.map((descriptor) => ({ descriptor, title: plainTitle(descriptor) }));
}

/** Titles come from the registry: of a package only a plain file name is taken. */
function plainTitle({ digest, annotations }: { digest: string; annotations?: Record<string, string> }): string {
  const title = annotations?.[ANNOTATION_TITLE] ?? '';
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(title)) return title;
  throw new CliError(
    'ERR_CLI_FILE',
    `layer ${digest} has the title ${JSON.stringify(title.slice(0, 128))}, which is no plain file name`,
    'Ask the publisher of the package to build it again.',
  );
}
