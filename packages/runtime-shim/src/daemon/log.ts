/** How grave a line is. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** Takes structured lines; who starts the daemon says where they go. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];

/** One JSON object a line: `time` (RFC 3339), `level`, `message`, and what belongs to it. Control characters are JSON's to escape. */
export function jsonLog(write: (line: string) => void, least: LogLevel): Log {
  const from = LEVELS.indexOf(least);
  return (level, message, fields = {}) => {
    if (LEVELS.indexOf(level) < from) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
  };
}
