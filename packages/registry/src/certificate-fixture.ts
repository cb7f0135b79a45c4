import { execFileSync } from "node:child_process";

/** Makes NAME.crt, for localhost, and NAME.key in a directory, signed by an authority there or by itself. */
export function certify(directory: string, name: string, authority?: string): void {
  const signed = authority === undefined ? [] : ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`];
  const extensions =
    authority === undefined
      ? ["-addext", "basicConstraints=critical,CA:TRUE"]
      : ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
  const args = ["req", "-x509", "-batch", "-days", "2", "-subj", `/CN=${name}`, ...key, "-out", `${name}.crt`];
  execFileSync("openssl", [...args, ...signed, ...extensions], { cwd: directory, stdio: "ignore" });
}
