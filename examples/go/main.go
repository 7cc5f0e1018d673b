// An ordinary net/http program that is served by the standard library's CGI package.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"time"
)

func main() {
	http.HandleFunc("/go/hello", hello)
	http.HandleFunc("/go/count", count)
	http.HandleFunc("/go/length", length)
	if err := cgi.Serve(nil); err != nil {
		log.Fatal(err)
	}
}

// hello answers with what it knows of the request.
func hello(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if name == "" {
		name = "stranger"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
	fmt.Fprintf(w, "Hello, %s. You sent %s %s from %s.\n", name, r.Method, r.URL, r.RemoteAddr)
}

// count streams: each line is on its way before the next is made.
func count(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for i := 1; i <= 5; i++ {
		fmt.Fprintf(w, "%d\n", i)
		w.(http.Flusher).Flush()
		time.Sleep(200 * time.Millisecond)
	}
}

// length reads the whole request and says how long its body was.
func length(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%d bytes\n", n)
}
