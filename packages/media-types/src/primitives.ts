import { z } from 'zod';

/** A text that is too long is not looked at further: a pattern on megabytes of a hostile document could exhaust time or stack. */
const ENDS = { abort: true } as const;

/** Printable text on one line: no control characters, so that a hostile document cannot steer a terminal. */
export function line(maxLength: number): z.ZodString {
  return z
    .string()
    .max(maxLength, ENDS)
    .regex(/^[^\p{Cc}\p{Bidi_Control}\u2028\u2029]*$/u, 'must be one line without control characters');
}

/** Base64 with padding (RFC 4648, section 4) of at most `maxLength` characters. One plain class: V8 backtracks over groups by recursion. */
export function base64(maxLength: number): z.ZodString {
  return z
    .string()
    .max(maxLength, ENDS)
    .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'must be base64')
    .refine((text) => text.length % 4 === 0, 'must be base64 with padding');
}

/** `sha256:` and 64 lower-case hex digits, or `sha512:` and 128 (image-spec descriptor.md, "Digests"). */
export const Digest: z.ZodString = z
  .string()
  .regex(/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/, 'must be a sha256 or sha512 digest');

/** Canonical service name: lower-case path components as in repository names (distribution-spec "Pull"), at most 128 characters. */
export const ServiceName: z.ZodString = z
  .string()
  .max(128, ENDS)
  .regex(
    /^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/,
    'must be lower-case letters and digits, joined by ".", "_", "-" or "/"',
  );

/** Semantic version 2.0.0 without a leading `v` (semver.org, item 2, 9 and 10). */
export const SemanticVersion: z.ZodString = z
  .string()
  .max(128, ENDS)
  .regex(
    /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/,
    'must be a semantic version such as 1.0.0',
  );

/** Name of a variant: unique in its package, usable as a file name. */
export const VariantName: z.ZodString = z
  .string()
  .max(64, ENDS)
  .regex(/^[a-z0-9]+([._-][a-z0-9]+)*$/, 'must be lower-case letters and digits, joined by ".", "_" or "-"');

/** An identifier of C, as program, map, type and function names are. Also libbpf's internal map names such as `.rodata`. */
export const CName: z.ZodString = z
  .string()
  .min(1)
  .max(256, ENDS)
  .regex(/^[A-Za-z0-9_.$]+$/, 'must be a C identifier');

/** A word of the kernel's or libbpf's vocabulary, e.g. `raw_tracepoint`, `ringbuf`, `xdp-frags`. */
export const Word: z.ZodString = z
  .string()
  .min(1)
  .max(256, ENDS)
  .regex(/^[A-Za-z0-9_.$:/*?@+-]+$/, 'must be one word of letters, digits and _ . $ : / * ? @ + -');

/** An unsigned 32-bit integer. */
export const U32: z.ZodNumber = z.number().int().min(0).max(0xffff_ffff);

/** GOARCH-style names of CPU architectures, as in OCI platforms (image-spec image-index.md). */
export const Architecture: z.ZodString = z
  .string()
  .max(32, ENDS)
  .regex(/^[a-z0-9]+$/, 'must be an OCI architecture name such as amd64 or arm64');
