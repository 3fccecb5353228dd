// Knows nothing of OpenTelemetry but its logger, and does not flush.
const { logs } = require('@opentelemetry/api');

exports.handler = async ({ number }) => {
  logs.getLogger('function').emit({ body: `request ${number}` });
  return number;
};
