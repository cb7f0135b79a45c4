/** The program `puzzlefs`; program.ts is what it does. */
import "./terminal/closed-streams.ts";

const { runProgram } = await import("./run-program.ts");
await runProgram({ name: "puzzlefs", load: () => import("./program.ts") });
