import { tsExpression, tsType } from "./emit-ts-expressions.ts";
import type { Constant, FunctionType, Spec, Stmt, ValueType } from "./ir.ts";

export const tsDoc = (doc: string, indent = ""): string =>
  doc === "" ? "" : doc.includes("\n") ? `${indent}/**\n${doc.split("\n").map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n` : `${indent}/** ${doc} */\n`;

function block(statements: Stmt[]): string {
  return `{\n${statements.map(statementText).join("\n")}\n}`;
}

function statementText(statement: Stmt): string {
  switch (statement.is) {
    case "declare":
      return `${statement.constant ? "const" : "let"} ${statement.name}${statement.constant ? "" : `: ${tsType(statement.type)}`} = ${tsExpression(statement.value)};`;
    case "assign":
      return `${statement.name} = ${tsExpression(statement.value)};`;
    case "store": {
      const bit = statement.scratch.type.is === "scratch" && statement.scratch.type.element === "bool";
      const value = tsExpression(statement.value);
      return `${tsExpression(statement.scratch)}[${tsExpression(statement.index)}] = ${bit ? `${value} ? 1 : 0` : value};`;
    }
    case "if": {
      const otherwise = statement.otherwise.length === 0 ? "" : ` else ${block(statement.otherwise)}`;
      return `if (${tsExpression(statement.condition)}) ${block(statement.then)}${otherwise}`;
    }
    case "return":
      if (statement.absent) return "return undefined;";
      return statement.value === undefined ? "return;" : `return ${tsExpression(statement.value)};`;
    case "fail":
      return `throw failure(${tsExpression(statement.rule)}, ${tsExpression(statement.inode)}, ${tsExpression(statement.offset)});`;
    case "forOf": {
      const [list, index] = [`${statement.name}List`, `${statement.name}Index`];
      const head = `const ${list} = ${tsExpression(statement.list)}.part;\nfor (let ${index} = 0; ${index} < ${list}.count; ${index}++)`;
      return `{\n${head} {\nconst ${statement.name} = new ${statement.element}(element(${list}, ${index}));\n${statement.body.map(statementText).join("\n")}\n}\n}`;
    }
    case "forCount": {
      const name = statement.name;
      return `for (let ${name} = ${tsExpression(statement.from)}; ${name} < ${tsExpression(statement.limit)}; ${name}++) ${block(statement.body)}`;
    }
    case "while": {
      const guard = `const measure = ${tsExpression(statement.measure)};\nif (measure >= previous) break;\nprevious = measure;`;
      return `{\nlet previous = Infinity;\nwhile (${tsExpression(statement.condition)}) {\n${guard}\n${statement.body.map(statementText).join("\n")}\n}\n}`;
    }
    case "call":
      return `${tsExpression(statement.call)};`;
    case "break":
      return "break;";
    case "continue":
      return "continue;";
  }
}

function functionText(fn: FunctionType): string {
  const parameters = fn.parameters.map((parameter) => `${parameter.name}: ${tsType(parameter.type)}`).join(", ");
  const returns = `${tsType(fn.returns)}${fn.optional ? " | undefined" : ""}`;
  return `${tsDoc(fn.doc)}${fn.exported ? "export " : ""}function ${fn.name}(${parameters}): ${returns} ${block(fn.body)}`;
}

const valueText = (value: ValueType): string =>
  `${tsDoc(value.doc)}export interface ${value.name} {\n${value.members.map((member) => `${tsDoc(member.doc)}readonly ${member.name}: ${tsType(member.type)};`).join("\n")}\n}`;

const constantText = (constant: Constant): string => `${tsDoc(constant.doc)}${constant.exported ? "export " : ""}const ${constant.name} = ${constant.value};`;

/** Imports of what `body` names and another generated file, or the runtime, declares; `types` exist for the checker only. */
export function tsImports(body: string, own: string, homes: Map<string, string>, types: Set<string>): string {
  const named = new Set(body.replace(/\/\*\*[\s\S]*?\*\/|\w+: (?=[A-Z])/g, "").match(/(?<![.\w"])[A-Za-z_]\w*/g));
  const wanted = new Map<string, string[]>();
  for (const [name, home] of homes) {
    if (home !== own && named.has(name)) wanted.set(home, [...(wanted.get(home) ?? []), types.has(name) ? `type ${name}` : name]);
  }
  return [...wanted]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([home, names]) => `import { ${names.toSorted().join(", ")} } from "${home === "runtime" ? "../runtime.ts" : `./${home}.ts`}";`)
    .join("\n");
}

/** The algorithms of one module as TypeScript. */
export function emitTsModule(spec: Spec, module: string, homes: Map<string, string>, types: Set<string>): string {
  const body = [
    ...spec.constants.filter((constant) => constant.module === module).map(constantText),
    ...spec.values.filter((value) => value.source === `${module}.ts`).map(valueText),
    ...spec.functions.filter((fn) => fn.module === module).map(functionText),
  ].join("\n\n");
  return `${tsImports(body, module, homes, types)}\n\n${body}\n`;
}
