import {
  CName,
  Digest,
  line,
  MAX_PARAMETER_TEXT,
  type ParameterValue,
  ServiceName,
  VariantName,
} from '@bpfship/media-types';
import type { AttachTargets } from '@bpfship/portability';
import type { PolicyAllow } from '@bpfship/trust';
import { z } from 'zod';
import { AttachTargetsSchema } from '../node/target-schema.ts';
import { PolicyAllowSchema, UPGRADE_CHOICES, type UpgradeChoices } from '../node/upgrade-schema.ts';
import { DAYS, isTimeZone, type MaintenanceWindow } from './maintenance-window.ts';
import { parseRange } from './semver.ts';

/** What a node should run: `node.yaml` as it is written by hand (spec/desired-state.md). */
export interface DesiredState {
  schemaVersion: 1;
  /** How often registries are asked, e.g. `5m`. Default `5m`. */
  interval?: string;
  /** Uninstalls services that are not named here. Default false: they are left alone. */
  prune?: boolean;
  /** Who must have signed, for services and catalogues that do not say it themselves. */
  policy?: DesiredPolicy;
  /** When what runs may be changed, for services that do not say it themselves. Default: always. */
  maintenanceWindows?: MaintenanceWindow[];
  registries?: DesiredRegistries;
  /** Catalogues that services name. */
  catalogues?: DesiredCatalogue[];
  services: DesiredService[];
}

/** Who must have signed. Keys are PEM, or files beside the document; once applied they are all PEM. */
export interface DesiredPolicy {
  keys: string[];
  supplementKeys?: string[];
  evidenceKeys?: string[];
  /** What packages may do; as in a policy file. */
  allow?: PolicyAllow;
}

/** How registries are spoken to. */
export interface DesiredRegistries {
  /** Plain HTTP. Default: only for registries on the loopback interface. */
  plainHttp?: boolean;
  /** PEM of a certificate authority, or its file; once applied PEM. */
  ca?: string;
  /** A docker `config.json` or podman `auth.json` with credentials. Default: docker's and podman's own. */
  configFile?: string;
}

/** A catalogue, by which services find their packages. */
export interface DesiredCatalogue {
  name: string;
  /** Registry, repository and tag. */
  reference: string;
  policy?: DesiredPolicy;
}

/** One service. Where it comes from is said by exactly one of `reference`, `repository` and `catalogue`. */
export interface DesiredService extends UpgradeChoices {
  name: string;
  /** Registry, repository and tag or digest. A tag is watched. */
  reference?: string;
  /** Registry and repository, with `version` or `channel`. */
  repository?: string;
  /** Name of a catalogue of this document, with `version`. */
  catalogue?: string;
  /** A semantic version or a range of them, e.g. `1.2.3`, `^1.2`, `>=1.0.0 <2.0.0`. */
  version?: string;
  /** A tag that moves, e.g. `stable`. */
  channel?: string;
  /** The package must be this one. */
  digest?: string;
  /** Use this variant and no other. */
  variant?: string;
  attach?: AttachTargets;
  /** Load parameters by name. What is left out keeps the value that it has. */
  parameters?: Record<string, ParameterValue>;
  policy?: DesiredPolicy;
  /** Loads it without looking at signatures. For development. */
  allowUnsigned?: boolean;
  /** Default: as it is. A stopped service is not upgraded. */
  state?: 'running' | 'stopped';
  /** Stays at the version that it has, whatever the source offers. Default false. */
  hold?: boolean;
  maintenanceWindows?: MaintenanceWindow[];
}

/** The longest document that is read, in bytes. */
export const MAX_DESIRED_SIZE: number = 1024 * 1024;
const MAX_SERVICES = 1024;
const MIN_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS: number = 7 * 24 * 3_600_000;
const DEFAULT_INTERVAL_MS: number = 5 * 60_000;

const Key = z.string().min(1).max(65_536);
const Keys = z.array(Key).min(1).max(64);
const PolicySchema: z.ZodType<DesiredPolicy> = z.strictObject({
  keys: Keys,
  supplementKeys: Keys.exactOptional(),
  evidenceKeys: Keys.exactOptional(),
  allow: PolicyAllowSchema.exactOptional(),
});
const Time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 02:30');
const WindowSchema: z.ZodType<MaintenanceWindow> = z.strictObject({
  days: z.array(z.enum(DAYS)).min(1).max(7).exactOptional(),
  start: Time,
  end: Time,
  timeZone: line(64).refine(isTimeZone, 'must be a time zone such as Europe/Berlin').exactOptional(),
});
const Windows = z.array(WindowSchema).max(64);
const Interval = line(16).refine(
  (text) => intervalMs(text) !== undefined,
  'must be a time from 1s to 7d such as 30s, 5m, 12h',
);
const Source = line(512).min(1);
const Tag = z.string().regex(/^\w[\w.-]{0,127}$/, 'must be a tag such as stable');

const ServiceSchema: z.ZodType<DesiredService> = z
  .strictObject({
    name: ServiceName,
    reference: Source.exactOptional(),
    repository: Source.exactOptional(),
    catalogue: ServiceName.exactOptional(),
    version: line(256)
      .refine(
        (text) => parseRange(text) !== undefined,
        'must be a version or range such as 1.2.3, ^1.2 or >=1.0.0 <2.0.0',
      )
      .exactOptional(),
    channel: Tag.exactOptional(),
    digest: Digest.exactOptional(),
    variant: VariantName.exactOptional(),
    attach: AttachTargetsSchema.exactOptional(),
    parameters: z.record(CName, z.union([z.boolean(), z.number(), z.string().max(MAX_PARAMETER_TEXT)])).exactOptional(),
    policy: PolicySchema.exactOptional(),
    allowUnsigned: z.boolean().exactOptional(),
    allowNew: UPGRADE_CHOICES.allowNew.exactOptional(),
    discardMaps: UPGRADE_CHOICES.discardMaps.exactOptional(),
    health: UPGRADE_CHOICES.health.exactOptional(),
    state: z.enum(['running', 'stopped']).exactOptional(),
    hold: z.boolean().exactOptional(),
    maintenanceWindows: Windows.exactOptional(),
  })
  .superRefine((service, context) => {
    const broken = sourceProblem(service);
    if (broken !== undefined) context.addIssue({ code: 'custom', message: broken });
  });

/** Schema of {@link DesiredState}. */
export const DesiredStateSchema: z.ZodType<DesiredState> = z
  .strictObject({
    schemaVersion: z.literal(1),
    interval: Interval.exactOptional(),
    prune: z.boolean().exactOptional(),
    policy: PolicySchema.exactOptional(),
    maintenanceWindows: Windows.exactOptional(),
    registries: z
      .strictObject({
        plainHttp: z.boolean().exactOptional(),
        ca: Key.exactOptional(),
        configFile: line(4096).exactOptional(),
      })
      .exactOptional(),
    catalogues: z
      .array(z.strictObject({ name: ServiceName, reference: Source, policy: PolicySchema.exactOptional() }))
      .max(16)
      .exactOptional(),
    services: z.array(ServiceSchema).max(MAX_SERVICES),
  })
  .superRefine(({ services, catalogues = [], policy }, context) => {
    const seen = new Set<string>();
    for (const [i, service] of services.entries()) {
      const complain = (message: string): void =>
        context.addIssue({ code: 'custom', path: ['services', i], message: `${service.name} ${message}` });
      if (seen.has(service.name)) complain('stands twice');
      seen.add(service.name);
      if (service.catalogue !== undefined && !catalogues.some(({ name }) => name === service.catalogue))
        complain(`names the catalogue "${service.catalogue}", which is not in "catalogues"`);
      if (!service.policy && !policy && service.allowUnsigned !== true)
        complain('has no policy: say whose signature is trusted ("policy"), here or for all services');
    }
    for (const [i, catalogue] of catalogues.entries())
      if (!catalogue.policy && !policy)
        context.addIssue({ code: 'custom', path: ['catalogues', i], message: `${catalogue.name} has no policy` });
  });

/** Milliseconds of an interval such as `30s`, `5m`, `12h`, `1d`; `undefined` where it is none from a second to a week. */
export function intervalMs(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_INTERVAL_MS;
  const [, count, unit = ''] = /^(\d{1,6})(s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? Number.NaN);
  return ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS ? ms : undefined;
}

function sourceProblem({
  reference,
  repository,
  catalogue,
  version,
  channel,
  digest,
}: DesiredService): string | undefined {
  const sources = [reference, repository, catalogue].filter((source) => source !== undefined);
  if (sources.length !== 1) return 'must have exactly one of "reference", "repository" and "catalogue"';
  if (version !== undefined && channel !== undefined) return 'cannot have both "version" and "channel"';
  if (reference !== undefined && (version !== undefined || channel !== undefined))
    return 'has a "reference": its tag says the version; use "repository" beside "version" or "channel"';
  if (repository !== undefined && version === undefined && channel === undefined && digest === undefined)
    return 'has a "repository", and needs "version", "channel" or "digest" beside it';
  if (catalogue !== undefined && channel !== undefined)
    return 'has a "catalogue": use "version" beside it, and no "channel"';
  return undefined;
}
