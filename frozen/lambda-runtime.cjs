// As much of Lambda's runtime as a handler sees, with OpenTelemetry's instrumentation: `lambda-runtime.cjs <collector's url>`.
const { join } = require('node:path');
const { logs, trace } = require('@opentelemetry/api');
const { LoggerProvider } = require('@opentelemetry/sdk-logs');
const { SpillwayLogRecordProcessor, SpillwayOtlpLogExporter } = require('otel-spillway');

process.env.LAMBDA_TASK_ROOT = __dirname;
process.env._HANDLER = 'lambda-handler.handler';
const tool = join(__dirname, '../tools/lambda/node_modules/@opentelemetry/instrumentation-aws-lambda');
const { AwsLambdaInstrumentation } = require(tool);

const exporter = new SpillwayOtlpLogExporter({ url: process.argv[2] });
const processor = new SpillwayLogRecordProcessor({ exporter, flushTimeoutMillis: 500 });
const provider = new LoggerProvider({ processors: [processor] });
logs.setGlobalLoggerProvider(provider);

const instrumentation = new AwsLambdaInstrumentation();
// It flushes the providers that it is given before it lets the handler's answer through. Up to 0.76 it knows none of
// logs, and asks that of traces.
if (instrumentation._logForceFlush === undefined) {
  instrumentation.setTracerProvider({
    getTracer: (...args) => trace.getTracer(...args),
    forceFlush: () => provider.forceFlush(),
  });
} else instrumentation.setLoggerProvider(provider);

const { handler } = require('./lambda-handler.cjs');
const context = { awsRequestId: '1', invokedFunctionArn: 'arn:aws:lambda:eu-central-1:1:function:shop' };
process.on('message', async (event) => process.send({ answer: await handler(event, context) }));
process.send('ready');
