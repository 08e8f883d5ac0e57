/** What a new generation of the service must pass before it stays (spec/btf-index.md, "Health"). */
export interface ServiceHealth {
  /** Seconds that it is watched for, 1 to 3,600. Default 10. */
  for?: number;
  /** Event streams in which something must come. */
  eventsFlow?: EventsFlowProbe[];
  /** Counters that may rise only so far. */
  errorCounter?: ErrorCounterProbe[];
  /** Programs that may take only so long. */
  runTime?: RunTimeProbe[];
  /** Programs that must run. */
  runs?: RunsProbe[];
}

/** Something must come through a ring buffer. */
export interface EventsFlowProbe {
  map: string;
  /** Seconds after the switch. */
  within: number;
}

/** A counter in a map may rise by at most so much while the generation is watched. */
export interface ErrorCounterProbe {
  map: string;
  /** Of the entry: an index of an array, or an integer key. */
  key: number;
  /** Field of the value, where that is a struct. */
  field?: string;
  max: number;
}

/** A program's runs may take at most so long on average. */
export interface RunTimeProbe {
  program: string;
  maxNsPerRun: number;
}

/** A program must run at least so often while the generation is watched. */
export interface RunsProbe {
  program: string;
  min: number;
}

/** Seconds that a generation is watched where nothing else is said. */
export const DEFAULT_HEALTH_SECONDS = 10;
/** Most seconds that a generation is watched. */
export const MAX_HEALTH_SECONDS = 3600;
