import type { Benchmark } from './benchmark.ts';
import { decide } from './decide.ts';
import { events } from './events.ts';
import { install } from './install.ts';
import { registry } from './registry.ts';
import { shim } from './shim.ts';
import { stub } from './stub.ts';
import { transfer } from './transfer.ts';
import { verify } from './verify.ts';

/** All benchmarks, in the order in which they run and are shown. */
export const BENCHMARKS: readonly Benchmark[] = [install, transfer, registry, verify, decide, shim, stub, events];
