// A real client of the Model Context Protocol, for the tests: it starts the server that its arguments name, does what the
// lines on stdin say, and prints what came of each as a line.
//
//   node client.mjs <folder with node_modules> <program> <argument>…
//
//   {"list": true}                                all tools
//   {"call": "name", "with": {…}}                 calls a tool; its progress is printed before its result
//   {"call": "name", "with": {…}, "cancel": true} the same, but it is wanted no more at its first progress
//   {"ping": true}

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, command, ...args] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const problem = (error) => ({ code: error.code ?? null, message: String(error.message ?? error) });

// The whole environment is handed on, as a person's assistant does.
const transport = new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
const client = new Client({ name: "convoy-tests", version: "1.0.0" });
client.onerror = (error) => {
  // The library looks at notifications later than at results: one that came before its result may find its call gone.
  if (!String(error.message).includes("progress notification for an unknown token")) say({ trouble: problem(error) });
};
await client.connect(transport);
say({ server: client.getServerVersion(), capabilities: client.getServerCapabilities(), instructions: client.getInstructions() });

async function call(step) {
  const wanted = new AbortController();
  const onprogress = (progress) => {
    say({ progress });
    if (step.cancel) wanted.abort("wanted no more");
  };
  const options = { onprogress, signal: wanted.signal, timeout: 90_000 };
  return client.callTool({ name: step.call, arguments: step.with }, undefined, options);
}

for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  try {
    if (step.list) say({ tools: (await client.listTools()).tools });
    else if (step.ping) say({ pong: await client.ping() });
    else say({ result: await call(step) });
  } catch (error) {
    say({ error: problem(error) });
  }
}
await client.close();
