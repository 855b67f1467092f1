// bench-bare's work in Go: URL TOKEN-FILE CA-FILE|- WATCHES IN-FLIGHT INTERVAL.
package main

import (
	"bytes"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

type answer struct {
	Code    int `json:"code"`
	JobInfo struct {
		TaskStatus int `json:"taskStatus"`
		Progress   int `json:"progress"`
	} `json:"jobInfo"`
}

var (
	url, token string
	interval   time.Duration
	slots      chan struct{}
	client     *http.Client
)

func poll(taskID, shareID string) error {
	body := fmt.Sprintf(`{"taskId":"%s","shareId":"%s","kdstoken":"%s"}`, taskID, shareID,
		strings.Repeat("0123456789abcdef", 3))
	request, err := http.NewRequest("POST", url, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	seed := make([]byte, 29)
	crand.Read(seed)
	request.Header.Set("Authorization", token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Date", time.Now().UTC().Format("20060102T150405Z"))
	request.Header.Set("X-Traceid", hex.EncodeToString(seed))
	request.Header.Set("X-User-Id", "1505084218764547200")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return err
	}
	if a.JobInfo.TaskStatus != 1 {
		return fmt.Errorf("status %d", a.JobInfo.TaskStatus)
	}
	return nil
}

func watch(number int) {
	taskID, shareID := fmt.Sprintf("16%017d", number), fmt.Sprintf("17%017d", number)
	time.Sleep(time.Duration(rand.Float64() * float64(interval)))
	for {
		slots <- struct{}{}
		if err := poll(taskID, shareID); err != nil {
			log.Fatal(err)
		}
		<-slots
		time.Sleep(time.Duration((0.9 + 0.2*rand.Float64()) * float64(interval)))
	}
}

func main() {
	data, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	url, token = os.Args[1], strings.TrimSpace(string(data))
	watches, _ := strconv.Atoi(os.Args[4])
	inFlight, _ := strconv.Atoi(os.Args[5])
	milliseconds, _ := strconv.Atoi(os.Args[6])
	interval = time.Duration(milliseconds) * time.Millisecond
	slots = make(chan struct{}, inFlight)

	config := &tls.Config{}
	if os.Args[3] != "-" {
		pem, err := os.ReadFile(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        inFlight,
		MaxIdleConnsPerHost: inFlight,
		MaxConnsPerHost:     inFlight,
	}}
	for i := 0; i < watches; i++ {
		go watch(i)
	}
	select {}
}
