import { CName, line, MAX_PARAMETER_TEXT, type ParameterValue, VariantName } from '@bpfship/media-types';
import type { AttachTargets } from '@bpfship/portability';
import { z } from 'zod';
import type { PolicyAllow } from '@bpfship/trust';
import { AttachTargetsSchema } from '../../node/target-schema.ts';
import { PolicyAllowSchema, UPGRADE_CHOICES, type UpgradeChoices } from '../../node/upgrade-schema.ts';
import { badRequest } from './exchange.ts';

/** The body of an install or upgrade. */
export interface InstallRequest extends UpgradeChoices {
  /** Registry, repository and tag or digest; with `ociLayout` a folder of the daemon's machine. */
  reference: string;
  ociLayout?: boolean;
  plainHttp?: boolean;
  /** Public keys in PEM, of which one must have signed. One of this, `policy` and `allowUnsigned`. */
  policy?: { keys: string[]; supplementKeys?: string[]; evidenceKeys?: string[]; allow?: PolicyAllow };
  allowUnsigned?: boolean;
  variant?: string;
  attach?: AttachTargets;
  parameters?: Record<string, ParameterValue>;
  /** Names of load parameters that are to have their defaults again. */
  unset?: string[];
}

const Keys = z.array(z.string().min(1).max(65_536)).min(1).max(64);

const InstallRequestSchema: z.ZodType<InstallRequest> = z.strictObject({
  reference: line(4096).min(1),
  ociLayout: z.boolean().exactOptional(),
  plainHttp: z.boolean().exactOptional(),
  policy: z
    .strictObject({
      keys: Keys,
      supplementKeys: Keys.exactOptional(),
      evidenceKeys: Keys.exactOptional(),
      allow: PolicyAllowSchema.exactOptional(),
    })
    .exactOptional(),
  allowUnsigned: z.boolean().exactOptional(),
  variant: VariantName.exactOptional(),
  attach: AttachTargetsSchema.exactOptional(),
  parameters: z.record(CName, z.union([z.boolean(), z.number(), z.string().max(MAX_PARAMETER_TEXT)])).exactOptional(),
  unset: z.array(CName).max(256).exactOptional(),
  allowNew: UPGRADE_CHOICES.allowNew.exactOptional(),
  discardMaps: UPGRADE_CHOICES.discardMaps.exactOptional(),
  health: UPGRADE_CHOICES.health.exactOptional(),
});

/** @throws {ShimError} `ERR_SHIM_REQUEST`. */
export function readInstallRequest(body: unknown): InstallRequest {
  const result = InstallRequestSchema.safeParse(body);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw badRequest(`${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not understood'}`);
  }
  if ((result.data.policy === undefined) === (result.data.allowUnsigned !== true))
    throw badRequest('exactly one of "policy" and "allowUnsigned" says who is trusted');
  return result.data;
}

/** Attach targets: program name or `*` → target or list of targets. @throws {ShimError} `ERR_SHIM_REQUEST`. */
export function readTargets(body: unknown): AttachTargets {
  const result = AttachTargetsSchema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badRequest(`${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not understood'}`);
}
