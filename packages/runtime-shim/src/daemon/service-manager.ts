import type { System } from './system.ts';

/** systemd's way to hear of a service (sd_notify(3)); does nothing where nobody listens. */
export class ServiceManager {
  readonly #system: System;
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(system: System, env: NodeJS.ProcessEnv) {
    this.#system = system;
    this.#socket = env['NOTIFY_SOCKET'];
    const usec = Number(env['WATCHDOG_USEC']);
    const own = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(process.pid);
    this.#watchdogMs = own && usec > 0 ? usec / 1000 : undefined;
  }

  /** The daemon serves; from now on the watchdog hears that its loop turns. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`);
    if (this.#watchdogMs === undefined || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#send('WATCHDOG=1'), this.#watchdogMs / 3).unref();
  }

  status(text: string): void {
    this.#send(`STATUS=${text.replaceAll('\n', ' ')}`);
  }

  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#send('STOPPING=1');
  }

  #send(text: string): void {
    if (this.#socket) this.#system.sendDatagram(this.#socket, text);
  }
}
