/**
 * A process that makes one change of a node and ends as by `kill -9`, at the latest after the change. Unbuilt code would only start
 * slower: it runs what is built. Argument: a {@link Change} as JSON.
 */
import { OciLayoutStore } from '@bpfship/oras-client';
import { openNode } from '@bpfship/runtime-shim';
import type { Change } from './crash-road.ts';

const { stateDir, bpffsDir, layout, change, version, attach, to } = JSON.parse(process.argv[2] ?? '') as Change;
const service = 'test-service';
const node = await openNode({ stateDir, bpffsDir });
const from = {
  target: await OciLayoutStore.open(layout),
  reference: version,
  location: layout,
  allowUnsigned: true as const,
  attach,
};
switch (change) {
  case 'install':
    await node.install(from);
    break;
  case 'upgrade':
    await node.upgrade({ ...from, service });
    break;
  case 'rollback':
    await node.rollback({ service, ...(to === undefined ? {} : { to }) });
    break;
  case 'stop':
    await node.stop({ service });
    break;
  case 'start':
    await node.start({ service });
    break;
  case 'targets':
    await node.setTargets({ service, attach });
    break;
  case 'restore':
    await node.restore({ service });
    break;
  case 'uninstall':
    await node.uninstall({ service });
    break;
}
process.kill(process.pid, 'SIGKILL');
