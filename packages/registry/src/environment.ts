import { userInfo } from "node:os";
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that a command which talks to registries obeys, or passes to credential helpers. The launcher of puzzlefs lets
 * these, and no others, through to such commands.
 */
export const REGISTRY_VARIABLES: readonly string[] = [
  "HOME",
  "PATH",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "REGISTRY_AUTH_FILE",
  "DOCKER_CONFIG",
  "CONTAINERS_REGISTRIES_CONF",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "http_proxy",
  "HTTP_PROXY",
  "https_proxy",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
  // Of credential helpers: secretservice, pass, ecr-login, gcr, acr.
  "DBUS_SESSION_BUS_ADDRESS",
  "GNUPGHOME",
  "GPG_TTY",
  "PASSWORD_STORE_DIR",
  "AWS_PROFILE",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_CONFIG_FILE",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_ROLE_ARN",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "CLOUDSDK_CONFIG",
  "AZURE_CONFIG_DIR",
];

export function homeDirectory(environment: Environment): string {
  return environment["HOME"] || userInfo().homedir;
}

/** A file below the user's configuration of containers/image, which does not obey XDG_CONFIG_HOME for these. */
export function userFile(environment: Environment, name: string): string {
  return join(homeDirectory(environment), ".config/containers", name);
}
