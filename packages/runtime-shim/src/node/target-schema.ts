import { line } from '@bpfship/media-types';
import type { AttachTarget, AttachTargets, XdpAction } from '@bpfship/portability';
import { z } from 'zod';

const Path = line(4096);
const Count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Schema of an XDP program's return value. */
export const XdpActionSchema: z.ZodType<XdpAction> = z.enum([
  'XDP_ABORTED',
  'XDP_DROP',
  'XDP_PASS',
  'XDP_TX',
  'XDP_REDIRECT',
]);

/** Schema of {@link AttachTarget}. */
export const AttachTargetSchema: z.ZodType<AttachTarget> = z.strictObject({
  interfaceName: line(64).exactOptional(),
  xdpMode: z.enum(['native', 'generic']).exactOptional(),
  xdpPriority: z.number().int().min(0).max(0x7fff_ffff).exactOptional(),
  xdpChainCalls: z.array(XdpActionSchema).max(5).exactOptional(),
  direction: z.enum(['ingress', 'egress']).exactOptional(),
  priority: z.number().int().min(-0x8000_0000).max(0x7fff_ffff).exactOptional(),
  cgroupPath: Path.exactOptional(),
  netnsPath: Path.exactOptional(),
  binaryPath: Path.exactOptional(),
  symbol: line(1024).exactOptional(),
  offset: Count.exactOptional(),
  pid: z.number().int().min(1).max(0x7fff_ffff).exactOptional(),
  provider: line(256).exactOptional(),
  family: z.enum(['ipv4', 'ipv6']).exactOptional(),
  netfilterHook: z.enum(['prerouting', 'input', 'forward', 'output', 'postrouting']).exactOptional(),
  defragment: z.boolean().exactOptional(),
  perfType: z.enum(['hardware', 'software']).exactOptional(),
  perfConfig: Count.exactOptional(),
  samplePeriod: Count.exactOptional(),
  sampleFrequency: Count.exactOptional(),
  cpu: Count.exactOptional(),
  programPin: Path.exactOptional(),
  mapName: line(256).exactOptional(),
  devicePath: Path.exactOptional(),
});

/** Schema of {@link AttachTargets}: up to 1,024 targets a program. */
export const AttachTargetsSchema: z.ZodType<AttachTargets> = z.record(
  line(256),
  z.union([AttachTargetSchema, z.array(AttachTargetSchema).max(1024)]),
);
