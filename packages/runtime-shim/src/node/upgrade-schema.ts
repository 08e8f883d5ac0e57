import { CName, MAX_HEALTH_SECONDS } from '@bpfship/media-types';
import type { PolicyAllow } from '@bpfship/trust';
import { z } from 'zod';
import type { HealthChoice } from './health/generation-health.ts';

/** What documents and requests say of an upgrade, beside its package. */
export interface UpgradeChoices {
  /** What it may do that the running generation does not, e.g. `hook:kprobe:tcp_*`. */
  allowNew?: string[];
  /** Maps whose contents may be lost where the new version cannot take them over. */
  discardMaps?: string[];
  /** `false`: it has no health gate to pass; else how long it is watched. Default: what the service declares. */
  health?: HealthChoice;
}

const Allowed = z.array(z.string().regex(/^[\w.$:/*?@+-]{1,256}$/, 'must be a name, with * for any text')).max(4096);

/** Schema of {@link PolicyAllow}. */
export const PolicyAllowSchema: z.ZodType<PolicyAllow> = z.strictObject({
  hooks: Allowed.exactOptional(),
  helpers: Allowed.exactOptional(),
  capabilities: Allowed.exactOptional(),
});

/** Schemas of {@link UpgradeChoices}, member by member. */
export const UPGRADE_CHOICES: { [Name in keyof UpgradeChoices]-?: z.ZodType<NonNullable<UpgradeChoices[Name]>> } = {
  allowNew: z
    .array(z.string().regex(/^(?:hook|helper|capability):[^\s]{1,512}$/, 'must be such as hook:kprobe:tcp_*'))
    .max(1024),
  discardMaps: z.array(CName).max(1024),
  health: z.union([
    z.literal(false),
    z.strictObject({ seconds: z.number().int().min(1).max(MAX_HEALTH_SECONDS).exactOptional() }),
  ]),
};
