/** What a registry is shown. One of the forms; an empty object is anonymous. */
export interface Credential {
  username?: string;
  password?: string;
  /** OAuth2 refresh token, docker's `identitytoken`. */
  refreshToken?: string;
  /** Bearer token used as it is, docker's `registrytoken`. */
  accessToken?: string;
}

/** A credential with the place it came from, for messages. */
export interface FoundCredential {
  credential: Credential;
  /** e.g. `/root/.docker/config.json`, `docker-credential-pass`, `command line`. */
  source: string;
}

/** Looks up the credential of a registry. */
export interface CredentialSource {
  /** The same credential whatever the registry: then it is for the named registry only, and not for its mirrors. Default false. */
  readonly anyRegistry?: boolean;
  /** @param repository - credentials may be kept for a part of a registry, e.g. `acme` in `ghcr.io/acme`. */
  find(registry: string, repository?: string): Promise<FoundCredential | undefined>;
  /** What is worth knowing when a registry refuses: where it was looked, and whose files those are. @param found - whether there was one. */
  explain?(found: boolean): Promise<string | undefined>;
}

/** Always the same credential, e.g. from the command line. */
export function staticCredential(credential: Credential, source = 'command line'): CredentialSource {
  return { anyRegistry: true, find: () => Promise.resolve({ credential, source }) };
}
