// Random requests, made from the API's own description, against a service that has dealerships and leads in every state.
// No answer may say that something is wrong on our side, and each has to be one that the description knows.

import { spawn } from "node:child_process";
import path from "node:path";

import { furnish, PORTALS } from "../browser/furnished.mjs";
import { PROJECT, start } from "../browser/service.mjs";

const SECONDS = Number(process.env.SCHEMATHESIS_SECONDS ?? 300);
const SEED = process.env.SCHEMATHESIS_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
const RIGHTS = ["read", "change", "privacy", "access", "publish", "transform", "operate"];
const CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"];

const HERE = path.join(PROJECT, "tests", "schemathesis");
// One after the other, each with its share of the time: the cases of one alone may take all of it.
const PHASES = [["examples,coverage", 0.6], ["fuzzing", 0.4]];
// How a run that was ended tells what it found until then; its exit code does not.
const FOUND = /^=+ .*\b\d+ (failure|error)s?\b.* =+$/m;

const program = process.argv[2];
const service = await start({ portals: PORTALS });
try {
  await furnish({ service });
  await service.mend();
  const key = await service.cli("access", "key", "create", "schemathesis", ...RIGHTS.flatMap((right) => ["--right", right]));
  console.log(`schemathesis: for ${SECONDS} s at most, with SCHEMATHESIS_SEED=${SEED}`);
  process.exitCode = 0;
  for (const [phases, share] of PHASES) {
    process.exitCode = (await run(key.secret, phases, share * SECONDS)) || process.exitCode;
  }
} finally {
  await service.stop();
}

/** How it ended. Out of time is no failure where everything that was asked until then went well. */
async function run(secret, phases, seconds) {
  const child = spawn(
    program,
    [
      "run",
      `${service.url}/openapi.json`,
      "--header", `Authorization:Bearer ${secret}`,
      "--checks", CHECKS.join(","),
      // It cannot make components; `make fuzz` does.
      "--exclude-name", "POST /v1/versions",
      "--phases", phases,
      "--max-examples", "30",
      "--seed", SEED,
      // Below what one key may ask for.
      "--rate-limit", "90/s",
      // An unoptimised service that compiles an upload takes its time.
      "--request-timeout", "60",
      "--suppress-health-check", "all",
      "--warnings", "off",
    ],
    { cwd: path.join(PROJECT, "target"), env: { ...process.env, SCHEMATHESIS_HOOKS: "hooks", PYTHONPATH: HERE }, stdio: ["ignore", "pipe", "inherit"] },
  );
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text);
    told += text;
  });
  const timer = setTimeout(() => child.kill("SIGINT"), seconds * 1000);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  return code || (FOUND.test(told) ? 1 : 0);
}
