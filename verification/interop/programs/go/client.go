// Package main is grpc-go as a caller: it reads a plan from stdin, calls, and prints what came of each call.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

type call struct {
	Path     string            `json:"path"`
	Kind     string            `json:"kind"`
	Messages [][]byte          `json:"messages"`
	Metadata map[string]string `json:"metadata"`
	Seconds  float64           `json:"seconds"`
}

type plan struct {
	Address     string `json:"address"`
	Authority   string `json:"authority"`
	CA          string `json:"ca"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Connections int    `json:"connections"`
	Rounds      int    `json:"rounds"`
	Calls       []call `json:"calls"`
}

type outcome struct {
	Status  int      `json:"status"`
	Message string   `json:"message"`
	Replies [][]byte `json:"replies"`
	Details []byte   `json:"details"`
}

// asIs passes messages as the bytes that they are.
type asIs struct{}

func (asIs) Name() string                       { return "proto" }
func (asIs) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (asIs) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func main() {
	var told plan
	if err := json.NewDecoder(os.Stdin).Decode(&told); err != nil {
		log.Fatal(err)
	}
	security, err := securityOf(told)
	if err != nil {
		log.Fatal(err)
	}
	var outcomes [][]outcome
	for range told.Rounds {
		round := make([][]outcome, told.Connections)
		var all sync.WaitGroup
		for number := range round {
			all.Go(func() { round[number] = onOneConnection(told, security) })
		}
		all.Wait()
		outcomes = append(outcomes, round...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		log.Fatal(err)
	}
}

func securityOf(told plan) (credentials.TransportCredentials, error) {
	if told.CA == "" {
		return insecure.NewCredentials(), nil
	}
	trusted, err := os.ReadFile(told.CA)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: told.Authority}
	config.RootCAs.AppendCertsFromPEM(trusted)
	if told.Certificate != "" {
		own, err := tls.LoadX509KeyPair(told.Certificate, told.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return credentials.NewTLS(config), nil
}

func onOneConnection(told plan, security credentials.TransportCredentials) []outcome {
	codec := grpc.WithDefaultCallOptions(grpc.ForceCodec(asIs{}))
	connection, err := grpc.NewClient("passthrough:///"+told.Address, grpc.WithTransportCredentials(security), codec)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	var outcomes []outcome
	for _, each := range told.Calls {
		outcomes = append(outcomes, made(connection, each))
	}
	return outcomes
}

func made(connection *grpc.ClientConn, told call) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(told.Seconds*float64(time.Second)))
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(told.Metadata))
	if told.Kind == "unary" {
		var reply []byte
		if err := connection.Invoke(ctx, told.Path, &told.Messages[0], &reply); err != nil {
			return failed(err, nil)
		}
		return outcome{Replies: [][]byte{reply}}
	}
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: told.Kind == "chat"}
	stream, err := connection.NewStream(ctx, description, told.Path)
	if err != nil {
		return failed(err, nil)
	}
	var replies [][]byte
	for _, message := range told.Messages {
		var reply []byte
		if err := stream.SendMsg(&message); err != nil {
			return failed(err, replies)
		}
		if told.Kind == "first" {
			if err := stream.CloseSend(); err != nil {
				return failed(err, replies)
			}
		}
		if err := stream.RecvMsg(&reply); err != nil {
			return failed(err, replies)
		}
		replies = append(replies, reply)
	}
	if told.Kind == "first" {
		cancel()
	} else if err := stream.CloseSend(); err != nil {
		return failed(err, replies)
	}
	var none []byte
	if err := stream.RecvMsg(&none); !errors.Is(err, io.EOF) {
		return failed(err, replies)
	}
	return outcome{Replies: replies}
}

func failed(err error, replies [][]byte) outcome {
	said := status.Convert(err)
	details := []byte{}
	if len(said.Details()) > 0 {
		details, _ = proto.Marshal(said.Proto())
	}
	return outcome{Status: int(said.Code()), Message: said.Message(), Replies: replies, Details: details}
}
