import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { type Cable, layCable as lay } from '../../../../test/support/load/cable.ts';

/** A virtual Ethernet cable of the running test, which takes it away. */
export interface VirtualCable extends Cable {
  /** Sends datagrams to the near end, each of which an XDP program there sees. */
  send(count: number): void;
  /** Sends datagrams from the near end to the far one. */
  answer(count: number): void;
}

/**
 * Lays a cable for the running test.
 *
 * @param options.mtu - in bytes; above 3,506 only XDP programs that can do with packets in several pieces attach by the driver. Default 1500.
 */
export function layCable({ mtu }: { mtu?: number } = {}): VirtualCable {
  const cable = lay();
  onTestFinished(() => cable.remove());
  if (mtu !== undefined) {
    execFileSync('ip', ['link', 'set', cable.name, 'mtu', String(mtu)]);
    execFileSync('ip', ['-n', cable.namespace, 'link', 'set', 'far', 'mtu', String(mtu)]);
  }
  return {
    ...cable,
    send(count) {
      execFileSync('ip', ['netns', 'exec', cable.namespace, process.execPath, '-e', sendScript(count, cable.near)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    },
    answer(count) {
      execFileSync(process.execPath, ['-e', sendScript(count, cable.far)], { stdio: ['ignore', 'ignore', 'pipe'] });
    },
  };
}

function sendScript(count: number, address: string): string {
  return `const s=require('dgram').createSocket('udp4');let n=${count};const f=()=>n--?s.send('x',9,'${address}',f):s.close();f()`;
}
