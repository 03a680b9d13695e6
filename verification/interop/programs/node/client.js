"use strict";
// grpc-js as a caller: it reads a plan from stdin, calls, and prints what came of each call.
const fs = require("fs");
const grpc = require("@grpc/grpc-js");

const plan = JSON.parse(fs.readFileSync(0));
const asIs = (bytes) => bytes;

function security() {
  if (!plan.ca) return grpc.credentials.createInsecure();
  const file = (name) => (name ? fs.readFileSync(name) : null);
  return grpc.credentials.createSsl(file(plan.ca), file(plan.key), file(plan.certificate));
}

function made(client, told) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(told.metadata)) metadata.set(name, value);
  const options = { deadline: Date.now() + told.seconds * 1000 };
  const messages = told.messages.map((text) => Buffer.from(text, "base64"));
  const replies = [];
  return new Promise((resolve) => {
    const ends = (error) => {
      const details = error?.metadata?.get("grpc-status-details-bin")[0];
      resolve({
        status: error ? error.code : 0,
        message: error ? error.details : "",
        replies,
        details: details ? details.toString("base64") : "",
      });
    };
    if (told.kind === "unary") {
      client.makeUnaryRequest(told.path, asIs, asIs, messages[0], metadata, options, (error, reply) => {
        if (!error) replies.push(reply.toString("base64"));
        ends(error);
      });
      return;
    }
    const isChat = told.kind === "chat";
    const stream = isChat
      ? client.makeBidiStreamRequest(told.path, asIs, asIs, metadata, options)
      : client.makeServerStreamRequest(told.path, asIs, asIs, messages[0], metadata, options);
    let next = 0;
    const goOn = () => (next < messages.length ? stream.write(messages[next++]) : stream.end());
    stream.on("data", (reply) => {
      replies.push(reply.toString("base64"));
      if (isChat) goOn();
      else stream.cancel();
    });
    stream.on("error", ends);
    stream.on("end", () => ends(null));
    if (isChat) goOn();
  });
}

async function onOneConnection() {
  const options = { "grpc.use_local_subchannel_pool": 1 };
  if (plan.ca) options["grpc.ssl_target_name_override"] = plan.authority;
  const client = new grpc.Client(plan.address, security(), options);
  const outcomes = [];
  for (const told of plan.calls) outcomes.push(await made(client, told));
  client.close();
  return outcomes;
}

async function main() {
  const outcomes = [];
  for (let round = 0; round < plan.rounds; round++) {
    outcomes.push(...(await Promise.all(Array.from({ length: plan.connections }, onOneConnection))));
  }
  process.stdout.write(JSON.stringify(outcomes));
}

main();
