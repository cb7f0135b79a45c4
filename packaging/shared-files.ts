/** Files that `make install` installs below PREFIX/share: made in build/share, removed by `make uninstall`. */
import { commands } from "../packages/cli/src/commands.ts";

/** `page` is the path below share/man, `command` undefined for the program as a whole. */
export interface Page {
  title: string;
  section: number;
  command: string | undefined;
}

const MOUNT_HELPER = "mount.puzzlefs";

export const pages: readonly Page[] = [
  { title: "puzzlefs", section: 1, command: undefined },
  ...commands.map(({ name }) => ({ title: `puzzlefs-${name}`, section: 1, command: name })),
  { title: MOUNT_HELPER, section: 8, command: MOUNT_HELPER },
];

export const completionFiles = {
  bash: "bash-completion/completions/puzzlefs",
  zsh: "zsh/site-functions/_puzzlefs",
  fish: "fish/vendor_completions.d/puzzlefs.fish",
};

export function pageFile({ title, section }: Page): string {
  return `man/man${section}/${title}.${section}`;
}

/** Paths below share/. */
export function sharedFiles(): string[] {
  return [...pages.map(pageFile), ...Object.values(completionFiles)];
}
