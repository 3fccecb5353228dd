/** A file of the application that starts both, in a way in which the second is loaded before the first has begun. */
import 'otel-spillway/register';
import '@opentelemetry/auto-instrumentations-node/register';
