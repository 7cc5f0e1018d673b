// Posts a body of so many bytes to a URL by HTTP/1.1, as often as it is told, and prints the
// status of each answer, a line each. What goes wrong is printed in its place.
//
//	go run early.go URL BYTES TIMES
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

type zeros struct{}

func (zeros) Read(piece []byte) (int, error) {
	clear(piece)
	return len(piece), nil
}

func post(url string, bytes int64) (string, error) {
	request, err := http.NewRequest(http.MethodPost, url, io.LimitReader(zeros{}, bytes))
	if err != nil {
		return "", err
	}
	request.ContentLength = bytes
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		return "", err
	}
	return strconv.Itoa(response.StatusCode), nil
}

func main() {
	bytes, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		panic(err)
	}
	times, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	for try := 0; try < times; try++ {
		status, err := post(os.Args[1], bytes)
		if err != nil {
			status = err.Error()
		}
		fmt.Println(status)
	}
}
