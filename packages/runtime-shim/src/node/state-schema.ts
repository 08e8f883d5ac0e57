import {
  CName,
  Digest,
  MAX_PARAMETER_TEXT,
  SemanticVersion,
  ServiceName,
  VariantName,
  line,
} from '@bpfship/media-types';
import type { PolicyAllow } from '@bpfship/trust';
import { z } from 'zod';
import type { AttachTargets } from '@bpfship/portability';
import type { GenerationHealth } from './health/generation-health.ts';
import type { RecordedProgram } from './activation.ts';
import { XDP_ACTIONS } from '../xdp-dispatcher/protocol.ts';
import { AttachTargetSchema, AttachTargetsSchema, XdpActionSchema } from './target-schema.ts';
import type { ParameterValues } from './parameters.ts';
import { PolicyAllowSchema } from './upgrade-schema.ts';

/** What the node keeps of a service, in `services/<name>.json`. */
export interface ServiceState {
  schemaVersion: 1;
  name: string;
  /** Id of the generation that runs. */
  current: number;
  /** Its programs were detached on request, until somebody starts it. */
  stopped?: true;
  /** Oldest first; kept for rollback. */
  generations: Generation[];
}

/** One installed state of a service on this node. */
export interface Generation {
  id: number;
  version: string;
  variant: string;
  architecture?: string;
  /** Where the package came from, without tag. */
  source: string;
  /** Manifest of the package, which is in the local store. */
  manifest: { digest: string; size: number };
  /** Layer of the variant. */
  layer: string;
  /** Minimal BTF that it was loaded with, where the kernel has none of its own. */
  supplement?: { digest: string; size: number };
  /** Who signed the package; absent where that was not checked. */
  signer?: string;
  /** What the policy that let it in allows: another variant, as after a start with another kernel, is held against it. */
  allow?: PolicyAllow;
  /** Release of the kernel that it was chosen for; absent where an older version recorded it. */
  kernel?: string;
  /** Layers in the local store for the other kernels that are installed on the node. */
  prefetched?: string[];
  /** The bundle that says so, in the local store. */
  signature?: { digest: string; size: number };
  /** Where its programs are to attach, as it was asked for: with patterns. */
  attach: AttachTargets;
  /** Load parameters that somebody set; absent where all have their defaults. */
  parameters?: ParameterValues;
  /** Programs that were attached, with their hooks. */
  programs: RecordedProgram[];
  /** The slot of the service's stubs that its programs were put in; absent where it had no stubs. */
  slot?: number;
  /** How it stands with its health gate; absent where it had none to pass. */
  health?: GenerationHealth;
  /** RFC 3339. */
  created: string;
}

/** Generations of before programs had several targets have no key: their links are pinned under the program's name. */
const RecordedProgramSchema: z.ZodType<RecordedProgram> = z
  .object({
    name: CName,
    key: line(255).exactOptional(),
    hook: line(8192),
    target: AttachTargetSchema.exactOptional(),
    switching: z
      .object({ way: z.enum(['in-place', 'stub', 'overlap', 'gap']), why: z.string().max(4096).exactOptional() })
      .exactOptional(),
    stub: z
      .object({
        key: line(255),
        section: line(1024),
        contextBytes: z.number().int().min(0).max(65_536),
        functionIp: z.boolean(),
      })
      .exactOptional(),
    xdp: z
      .object({
        priority: z.number().int().min(0).max(0xffff_ffff),
        chainCalls: z.array(XdpActionSchema).max(XDP_ACTIONS.length),
        frags: z.boolean(),
      })
      .exactOptional(),
  })
  .transform(({ key, ...program }) => ({ ...program, key: key ?? program.name }));

const GenerationId = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

const GenerationHealthSchema: z.ZodType<GenerationHealth> = z.object({
  verdict: z.enum(['pending', 'healthy', 'failed']),
  before: GenerationId.exactOptional(),
  watcher: z.object({ pid: z.number().int().min(1), started: line(32), boot: line(64) }).exactOptional(),
  details: z.array(line(1024)).max(512).exactOptional(),
});

/** Schema of {@link ServiceState}. */
export const ServiceStateSchema: z.ZodType<ServiceState> = z
  .object({
    schemaVersion: z.literal(1),
    name: ServiceName,
    current: GenerationId,
    stopped: z.literal(true).exactOptional(),
    generations: z
      .array(
        z.object({
          id: GenerationId,
          version: SemanticVersion,
          variant: VariantName,
          architecture: line(32).exactOptional(),
          source: line(4096),
          manifest: z.object({ digest: Digest, size: z.number().int().min(1) }),
          layer: Digest,
          supplement: z.object({ digest: Digest, size: z.number().int().min(1) }).exactOptional(),
          signer: line(512).exactOptional(),
          allow: PolicyAllowSchema.exactOptional(),
          kernel: line(128).exactOptional(),
          prefetched: z.array(Digest).max(256).exactOptional(),
          signature: z.object({ digest: Digest, size: z.number().int().min(1) }).exactOptional(),
          attach: AttachTargetsSchema,
          parameters: z
            .record(CName, z.union([z.boolean(), z.number(), z.string().max(MAX_PARAMETER_TEXT)]))
            .exactOptional(),
          programs: z.array(RecordedProgramSchema),
          slot: z.number().int().min(0).max(1).exactOptional(),
          health: GenerationHealthSchema.exactOptional(),
          created: z.iso.datetime(),
        }),
      )
      .min(1),
  })
  .refine(
    ({ current, generations }) => generations.some(({ id }) => id === current),
    'the current generation is not in the list',
  );

/** A generation by its id. */
export function generationOf({ generations }: ServiceState, id: number): Generation | undefined {
  return generations.find((generation) => generation.id === id);
}

/** The generation that runs. */
export function currentGeneration(state: ServiceState): Generation {
  const found = generationOf(state, state.current);
  if (!found) throw new TypeError('a checked state has its current generation');
  return found;
}
