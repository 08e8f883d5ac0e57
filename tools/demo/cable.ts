import { execFileSync } from 'node:child_process';

const NAMESPACE = 'bpfship-demo';
const PEER = 'bpfship-demo1';

/** A virtual cable into a network namespace, so that a packet filter never sees a real interface. */
export function createCable(name: string): void {
  removeCable(name);
  ip('netns', 'add', NAMESPACE);
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', PEER);
  ip('link', 'set', PEER, 'netns', NAMESPACE);
  // Addresses for benchmarks (RFC 2544), which no real network has.
  ip('addr', 'add', '198.18.0.1/30', 'dev', name);
  ip('link', 'set', name, 'up');
  ip('-n', NAMESPACE, 'addr', 'add', '198.18.0.2/30', 'dev', PEER);
  ip('-n', NAMESPACE, 'link', 'set', PEER, 'up');
}

/** Removes the cable and the namespace, where they are. */
export function removeCable(name: string): void {
  for (const args of [
    ['link', 'del', name],
    ['netns', 'del', NAMESPACE],
  ]) {
    try {
      ip(...args);
    } catch {
      // It was not there.
    }
  }
}

/** Sends some datagrams from the namespace to this end of the cable; nobody needs to answer. */
export function sendDatagrams(count: number): void {
  const script = `const s=require('dgram').createSocket('udp4');let n=${count};const f=()=>n--?s.send('demo',9,'198.18.0.1',f):s.close();f()`;
  execFileSync('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', script], { stdio: 'ignore' });
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' });
}
