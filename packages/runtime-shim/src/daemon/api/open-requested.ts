import { openTarget, requireReference } from '@bpfship/oras-client';
import type { InstallOptions } from '../../node/node-options.ts';
import { readInstallRequest } from './install-request.ts';

/** A package that a request names. */
export interface Requested extends AsyncDisposable {
  options: InstallOptions;
}

/** Opens what the body of an install or upgrade names. @throws {ShimError} `ERR_SHIM_REQUEST`; {OciError}. */
export async function openRequested(body: object, version: string): Promise<Requested> {
  const {
    reference,
    ociLayout = false,
    plainHttp,
    policy,
    allowUnsigned,
    variant,
    attach,
    parameters,
    ...choices
  } = readInstallRequest(body);
  const opened = await openTarget(reference, {
    ociLayout,
    userAgent: `bpfship-shim/${version}`,
    ...(plainHttp ? { plainHttp } : {}),
  });
  return {
    options: {
      target: opened.target,
      reference: requireReference(opened),
      location: opened.location,
      ...(policy ? { policy } : {}),
      ...(allowUnsigned ? { allowUnsigned: true as const } : {}),
      ...(variant === undefined ? {} : { variant }),
      ...(attach === undefined ? {} : { attach }),
      ...(parameters === undefined ? {} : { parameters }),
      ...choices,
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
