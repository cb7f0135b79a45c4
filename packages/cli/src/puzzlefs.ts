/** The program `puzzlefs`; program.ts is what it does. */
import "@puzzlefs/linux/closed-streams";

const { runProgram } = await import("./run-program.ts");
await runProgram({ name: "puzzlefs", load: () => import("./program.ts") });
