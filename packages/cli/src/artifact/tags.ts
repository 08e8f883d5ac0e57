import { type Descriptor, type OpenedTarget, parseLayoutReference, requireReference } from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { openReference, type RegistryOptionValues } from '../options/registry-options.ts';

/** A tag's grammar (distribution-spec, "Pull"). */
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
/** Tags of one command. */
const MAX_TAGS = 100;

/** A place to push to, with the tags that it gets. */
export interface PushTarget extends OpenedTarget {
  /** Empty where the reference names none. */
  tags: readonly string[];
  /** Digest that the reference demands. */
  digest: string | undefined;
}

/** Splits `name:tag,tag…` as oras writes several tags: the name with the first tag, and all tags. */
export function splitTags(text: string): { first: string; tags: string[] } {
  const colon = text.lastIndexOf(':');
  if (text.includes('@') || colon <= text.lastIndexOf('/')) return { first: text, tags: [] };
  const tags = text.slice(colon + 1).split(',');
  return { first: `${text.slice(0, colon)}:${tags[0] ?? ''}`, tags: checkTags(tags) };
}

/** @throws {CliError} for what cannot be a tag. */
export function checkTags(tags: readonly string[]): string[] {
  const wrong = tags.find((tag) => !TAG.test(tag));
  if (wrong !== undefined || tags.length > MAX_TAGS) {
    throw new CliError(
      'ERR_CLI_USAGE',
      wrong === undefined ? `more than ${MAX_TAGS} tags` : `"${wrong.slice(0, 160)}" is not a tag`,
      'A tag has letters, digits and . _ - only, up to 128 of them, such as 1.0.0.',
    );
  }
  return [...new Set(tags)];
}

/** Opens what is pushed to: `registry/repository[:tag[,tag…]|@digest]`, or with `ociLayout` a folder, made where it is missing. */
export async function openPushTarget(
  text: string,
  values: RegistryOptionValues & { ociLayout?: boolean },
  context: CommandContext,
): Promise<PushTarget> {
  const { first, tags } = splitTags(text);
  const opened = await openReference(first, values, context, { create: true });
  // A folder's name may end in what looks like a tag and is none.
  const reference = values.ociLayout ? parseLayoutReference(first).reference : opened.reference;
  const digest = reference?.includes(':') ? reference : undefined;
  const named = reference === undefined || digest !== undefined ? [] : tags;
  return { ...opened, tags: named, digest };
}

/** The first tag, or the digest where the reference names one. @throws {OciError} `ERR_OCI_INVALID_REFERENCE` where it names neither. */
export function requireTag(place: PushTarget): string {
  return place.tags[0] ?? requireReference(place);
}

/** Gives a manifest the tags after the first. @returns them. */
export async function tagMore(place: PushTarget, descriptor: Descriptor, signal: AbortSignal): Promise<string[]> {
  const others = place.tags.slice(1);
  for (const tag of others) await place.target.tag(descriptor, tag, { signal });
  return others;
}
