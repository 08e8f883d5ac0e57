export { EXIT_CODES, type ExitCode } from './exit-codes.ts';
export { ENVIRONMENT, type EnvironmentVariable, helpTopics } from './help-topics.ts';
export { createProgram } from './program.ts';
export { run } from './run.ts';
export type { Streams } from './terminal/streams.ts';
