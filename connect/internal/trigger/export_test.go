package trigger

// SetPage sets how many records one call reads.
func (s *Service) SetPage(n int) { s.page = n }
