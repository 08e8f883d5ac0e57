import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** A virtual Ethernet cable whose far end is in a network namespace of its own. */
export interface VirtualCable {
  /** The near end. */
  readonly name: string;
  /** Sends datagrams to the near end, each of which an XDP program there sees. */
  send(count: number): void;
  /** Takes the cable away before the test ends. */
  remove(): void;
}

let next = 0;

/** Lays a cable for the running test. */
export function layCable(): VirtualCable {
  next += 1;
  const id = `${process.pid % 100_000}x${next}`;
  const name = `bs${id}`;
  const namespace = `bpfship-${id}`;
  const remove = (): void => {
    for (const args of [
      ['link', 'del', name],
      ['netns', 'del', namespace],
    ]) {
      try {
        ip(...args);
      } catch {
        // Taken away by the test.
      }
    }
  };
  onTestFinished(remove);
  ip('netns', 'add', namespace);
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'far', 'netns', namespace);
  // Without IPv6 nothing else goes over the cable.
  for (const side of [[], ['netns', 'exec', namespace]]) {
    const device = side.length === 0 ? name : 'far';
    const setting = `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
    if (side.length === 0) execFileSync('sh', ['-c', setting]);
    else ip(...side, 'sh', '-c', setting);
  }
  ip('addr', 'add', '198.18.77.1/30', 'dev', name);
  ip('link', 'set', name, 'up');
  ip('-n', namespace, 'addr', 'add', '198.18.77.2/30', 'dev', 'far');
  ip('-n', namespace, 'link', 'set', 'far', 'up');
  ip('-n', namespace, 'neigh', 'add', '198.18.77.1', 'lladdr', addressOf(name), 'dev', 'far');
  return {
    name,
    remove,
    send(count) {
      const script = `const s=require('dgram').createSocket('udp4');let n=${count};const f=()=>n--?s.send('x',9,'198.18.77.1',f):s.close();f()`;
      ip('netns', 'exec', namespace, process.execPath, '-e', script);
    },
  };
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function addressOf(name: string): string {
  const [link] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', name], { encoding: 'utf8' })) as {
    address: string;
  }[];
  return link?.address ?? '';
}
