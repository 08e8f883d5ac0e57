import { type Command, Option } from 'commander';

/** Values of the option that {@link addStateOption} adds. */
export interface NodeOptionValues {
  stateDir?: string;
}

/** The option of every command that works on the node's state; without loading what does the work. */
export function addStateOption(command: Command): Command {
  return command.addOption(
    new Option('--state-dir <folder>', 'state folder of the node (default: /var/lib/bpfship)')
      .env('BPFSHIP_STATE_DIR')
      .helpGroup('Node options:'),
  );
}
