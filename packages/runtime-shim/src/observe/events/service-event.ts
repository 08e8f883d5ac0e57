/** One event, or a loss of some. */
export interface ServiceEvent {
  /** Name of the event stream: its map. */
  stream: string;
  /** Decoded by BTF; absent where only a loss, or an event that does not fit its type, is told. */
  event?: Record<string, unknown>;
  /** Events that were lost since the last one. */
  lost: number;
  /** Who lost them: the kernel, whose buffer was full, or the subscriber, whose queue was. */
  lostBy?: 'kernel' | 'subscriber';
  /** The ring buffer was full: events may have been lost before this one, and nobody counts them. */
  full?: true;
  /** An event that does not fit the type of its stream. */
  misfit?: { reason: string; bytes: Uint8Array };
}
