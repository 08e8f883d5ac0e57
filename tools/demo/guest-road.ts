import { join } from 'node:path';
import { runInGuest } from '../../test/guest/run-in-guest.ts';
import type { NodeCost } from './node-road.ts';
import type { Shower } from './show.ts';

/** The Debian kernel whose newest variants run. */
const KERNEL = '6.12';
/** Before the line with the costs, which is for the summary and not for the reader. */
const COSTS = 'bpfship-demo-costs:';

/** Steps 4 to 7 inside a qemu guest: the packages travel as OCI layouts into a registry in the guest. */
export async function walkNodeRoadInGuest(shower: Shower, work: string): Promise<NodeCost[]> {
  const demo = import.meta.dirname;
  let costs: NodeCost[] = [];
  const result = await runInGuest({
    kernel: KERNEL,
    files: {
      '/work/exec-watch': join(work, 'exec-watch'),
      '/work/xdp-guard': join(work, 'xdp-guard'),
      '/work/demo.pub': join(work, 'demo.pub'),
      '/bpfship/tools/demo': demo,
    },
    command: 'cd /bpfship && node tools/demo/in-guest.ts',
    onLine: (line) => {
      if (line.startsWith(COSTS)) costs = JSON.parse(line.slice(COSTS.length)) as NodeCost[];
      else if (!/SeaBIOS|Booting from ROM|bpfship-guest-exit|reboot: Power down/.test(line)) console.log(line);
    },
  });
  if (result.status !== 0) throw new Error(`the road in the guest ended with status ${result.status ?? 'none'}`);
  shower.say(`That was Linux ${result.release} in qemu.`);
  return costs;
}
