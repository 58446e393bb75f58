// Serves reqlite on a port of the loopback interface, with what RethinkDB does and reqlite does not:
// node --no-deprecation serve.js PORT, in a folder with the packages.
const net = require("net");
const { createRequire } = require("module");
const load = createRequire(process.cwd() + "/");

// The bare program listens on every interface.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ready) {
  return listen.call(this, port, "127.0.0.1", ready);
};

// The answer to noreply_wait is WAIT_COMPLETE; the Python driver's close() fails at any other.
const Connection = load("reqlite/lib/connection.js");
const send = Connection.prototype.send;
Connection.prototype.send = function (token, response) {
  const isEmpty = response.t === 1 && response.r.length === 0;
  return send.call(this, token, isEmpty ? { t: 4, r: [] } : response);
};

// Writes of single documents are atomic: a query begins when the query before it has ended.
const Query = load("reqlite/lib/query.js");
const run = Query.prototype.run;
let last = Promise.resolve();
Query.prototype.run = function () {
  const mine = last.then(() => run.call(this));
  last = mine.catch(() => {});
  return mine;
};

new (load("reqlite"))({ "driver-port": Number(process.argv[2]), silent: true });
