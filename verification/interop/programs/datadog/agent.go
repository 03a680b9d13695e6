// Datadog's agent as far as traces go: its receiver of OTLP over HTTP, its trace agent, and in place of Datadog's intake
// one that prints what the agent sends there, a line of JSON for each span.
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"

	compression "github.com/DataDog/datadog-agent/comp/trace/compression/impl-gzip"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/agent"
	"github.com/DataDog/datadog-agent/pkg/trace/config"
	"github.com/DataDog/datadog-agent/pkg/trace/telemetry"
	"github.com/DataDog/datadog-go/v5/statsd"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"google.golang.org/protobuf/proto"
)

const endpointVariable = "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT"

// span is what Datadog is told of one.
type span struct {
	Env, Version, Service, Name, Resource, Type, Language string
	Error                                                 int32
	Meta                                                  map[string]string
	Metrics                                               map[string]float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	intake := httptest.NewServer(http.HandlerFunc(take))
	defer intake.Close()
	traces := newAgent(ctx, intake.URL)
	ended := make(chan struct{})
	go func() { traces.Run(); close(ended) }()
	received := must(newReceiver(ctx, os.Getenv(endpointVariable), traces))
	if err := received.Start(ctx, componenttest.NewNopHost()); err != nil {
		log.Fatal(err)
	}
	<-ctx.Done()
	if err := received.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	<-ended
}

// newAgent has the agent's defaults, and sends each tenth of a second.
func newAgent(ctx context.Context, intake string) *agent.Agent {
	conf := config.New()
	conf.Hostname = "node"
	conf.Endpoints = []*config.Endpoint{{Host: intake, APIKey: "key"}}
	conf.ReceiverEnabled = false
	conf.TraceWriter.FlushPeriodSeconds = 0.1
	conf.OTLPReceiver.AttributesTranslator = must(attributes.NewTranslator(componenttest.NewNopTelemetrySettings()))
	return agent.NewAgent(ctx, conf, telemetry.NewNoopCollector(), &statsd.NoOpClient{}, compression.NewComponent())
}

// newReceiver is the one that the agent has built in, set as by its variable.
func newReceiver(ctx context.Context, endpoint string, traces *agent.Agent) (receiver.Traces, error) {
	factory := otlpreceiver.NewFactory()
	conf := factory.CreateDefaultConfig()
	http := map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": endpoint}}}
	if err := confmap.NewFromStringMap(http).Unmarshal(conf); err != nil {
		return nil, err
	}
	next, err := consumer.NewTraces(func(ctx context.Context, spans ptrace.Traces) error {
		_, err := traces.OTLPReceiver.Export(ctx, ptraceotlp.NewExportRequestFromTraces(spans))
		return err
	})
	if err != nil {
		return nil, err
	}
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	return factory.CreateTraces(ctx, settings, conf, next)
}

// take prints the spans of a request.
func take(answer http.ResponseWriter, asked *http.Request) {
	answer.WriteHeader(http.StatusAccepted)
	if asked.URL.Path != "/api/v0.2/traces" {
		return
	}
	var told pb.AgentPayload
	if err := proto.Unmarshal(must(io.ReadAll(must(gzip.NewReader(asked.Body)))), &told); err != nil {
		log.Fatal(err)
	}
	for _, from := range told.TracerPayloads {
		for _, chunk := range from.Chunks {
			for _, each := range chunk.Spans {
				line := span{from.Env, from.AppVersion, each.Service, each.Name, each.Resource, each.Type,
					from.LanguageName, each.Error, each.Meta, each.Metrics}
				if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
